<?php
define('ISPC_APP_VERSION', '3.3.1');
define('ISPC_CLASS_PATH', __DIR__.'/classes');
define('LOGLEVEL_WARN', 1);
define('LOGLEVEL_ERROR', 2);
$conf['server_id'] = '1';
