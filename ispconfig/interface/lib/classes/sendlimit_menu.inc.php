<?php

/** The entries of the menus, in the language of the login. */
class sendlimit_menu {

	/** Return a module's menu ($module['nav'] of ISPConfig) with our entries, once. */
	public function added(string $module, array $nav): array {
		global $app;
		foreach($nav as $group) {
			foreach($group['items'] as $item) {
				if(strpos($item['link'], '/sendlimit') !== false) return $nav;
			}
		}
		try {
			$app->uses('sendlimit_page');
			if($module == 'mail') $nav[] = $this->group_of_mail();
			if($module == 'mailuser' && $nav) $nav[0]['items'][] = $this->item('mailuser/sendlimit.php', 'tab');
		} catch(Throwable $error) {
			$app->log('sendlimit: '.$error->getMessage(), LOGLEVEL_ERROR);
		}
		return $nav;
	}

	private function group_of_mail(): array {
		global $app;
		$items = array($this->item('mail/sendlimit_list.php', 'menu_list'));
		if($app->auth->is_admin()) {
			array_unshift($items, $this->item('mail/sendlimit_server.php', 'menu_server'));
			$items[] = $this->item('mail/sendlimit_overrides.php', 'menu_overrides');
		}
		return array('title' => $app->sendlimit_page->words->text('menu'), 'open' => 1, 'items' => $items);
	}

	private function item(string $link, string $word): array {
		global $app;
		$title = $app->sendlimit_page->words->text($word);
		return array('title' => $title, 'target' => 'content', 'link' => $link, 'html_id' => basename($link, '.php'));
	}
}
