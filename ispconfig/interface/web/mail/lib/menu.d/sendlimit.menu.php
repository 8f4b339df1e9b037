<?php

// Included into core's own code.
$app->uses('sendlimit_menu');
if(isset($app->sendlimit_menu)) $module['nav'] = $app->sendlimit_menu->added('mail', $module['nav'] ?? array());
