<?php

// Included into core's own code: one variable, which is gone at the end.
$sendlimit_menu = (function(): array {
	global $app;
	try {
		$app->uses('sendlimit_page');
		$words = $app->sendlimit_page->words;
		$pages = array('list' => 'menu_list');
		if($app->auth->is_admin()) $pages = array('server' => 'menu_server', 'list' => 'menu_list', 'overrides' => 'menu_overrides');
		$items = array();
		foreach($pages as $page => $word) {
			$items[] = array('title' => $words->text($word), 'target' => 'content', 'link' => "mail/sendlimit_$page.php", 'html_id' => "sendlimit_$page");
		}
		return array(array('title' => $words->text('menu'), 'open' => 1, 'items' => $items));
	} catch(Throwable $error) {
		return array();
	}
})();
$module['nav'] = array_merge($module['nav'] ?? array(), $sendlimit_menu);
unset($sendlimit_menu);
