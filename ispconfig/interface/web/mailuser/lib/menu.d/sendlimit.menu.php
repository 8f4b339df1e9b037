<?php

// Included into core's own code: one variable, which is gone at the end.
$sendlimit_menu = (function(): array {
	global $app;
	try {
		$app->uses('sendlimit_page');
		$title = $app->sendlimit_page->words->text('tab');
		return array(array('title' => $title, 'target' => 'content', 'link' => 'mailuser/sendlimit.php', 'html_id' => 'sendlimit'));
	} catch(Throwable $error) {
		return array();
	}
})();
if(isset($module['nav'][0]['items'])) $module['nav'][0]['items'] = array_merge($module['nav'][0]['items'], $sendlimit_menu);
unset($sendlimit_menu);
