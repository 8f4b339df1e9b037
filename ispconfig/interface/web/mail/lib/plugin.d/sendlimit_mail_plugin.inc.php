<?php

/**
 * Adds the tab "Sending limit" to the form of a mailbox.
 *
 * An error here would break every login: each handler catches all. Events are registered without a
 * module, because the form is also opened from other modules, under whose name its events run then.
 */
class sendlimit_mail_plugin {

	const FORM = 'mail_user';
	const TAB = 'sendlimit';

	function onLoad() {
		global $app;
		$app->plugin->registerEvent('on_after_formdef', 'sendlimit_mail_plugin', 'add_tab', 'mail');
		$app->plugin->registerEvent('on_before_update', 'sendlimit_mail_plugin', 'keep_core_from_saving', 'mail');
		$app->plugin->registerEvent('login', 'sendlimit_mail_plugin', 'complete_menu', 'mail');
	}

	/** At a login some releases of core lose what menu.d adds to the menu of the first module. */
	function complete_menu($event_name, $data) {
		global $app;
		try {
			$module = $_SESSION['s']['module'] ?? array();
			if(!isset($module['name'], $module['nav'])) return;
			$app->uses('sendlimit_menu');
			$_SESSION['s']['module']['nav'] = $app->sendlimit_menu->added($module['name'], $module['nav']);
		} catch(Throwable $error) {
			$app->log('sendlimit: '.$error->getMessage(), LOGLEVEL_ERROR);
		}
	}

	/** Runs for every form of the panel: the API is not asked here. A new mailbox has no tab. */
	function add_tab($event_name, $form) {
		global $app;
		try {
			if($form->formDef['name'] != self::FORM || empty($_REQUEST['id'])) return;
			$app->uses('sendlimit_page');
			$words = $app->sendlimit_page->words->all();
			$form->wordbook = array_merge($form->wordbook, $words);
			$form->formDef['tabs'][self::TAB] = array(
				'title' => 'sendlimit_tab_txt',
				'width' => 100,
				'template' => 'templates/sendlimit_tab.htm',
				'fields' => array(),
				'plugins' => array('sendlimit_usage' => array('class' => 'plugin_sendlimit_tab', 'options' => array())),
			);
		} catch(Throwable $error) {
			$app->log('sendlimit: '.$error->getMessage(), LOGLEVEL_ERROR);
		}
	}

	/**
	 * A click on another tab posts the current one, and core saves it.
	 *
	 * Nothing of our tab is core's to save: it would undo what an admin has disabled. And core keeps
	 * the current tab in the session: with two windows the form that comes in may be of another one.
	 */
	function keep_core_from_saving($event_name, $page) {
		global $app;
		$next = null;
		try {
			if($app->tform->formDef['name'] != self::FORM) return;
			if(isset($_POST['sendlimit_tab'])) {
				$next = (string)($_POST['next_tab'] ?? '');
				if(!isset($app->tform->formDef['tabs'][$next])) $next = self::TAB;
			} elseif($app->tform->getCurrentTab() == self::TAB) {
				$_SESSION['s']['form']['tab'] = $this->tab_of($_POST, $app->tform->formDef['tabs']);
			}
		} catch(Throwable $error) {
			$app->log('sendlimit: '.$error->getMessage(), LOGLEVEL_ERROR);
		}
		if($next !== null) {
			header('Location: mail_user_edit.php?id='.(int)$page->id.'&next_tab='.rawurlencode($next));
			exit;
		}
	}

	/** Return the tab whose fields were posted. */
	private function tab_of(array $posted, array $tabs): string {
		$best = array_key_first($tabs);
		$most = 0;
		foreach($tabs as $name => $tab) {
			$number = count(array_intersect_key($tab['fields'], $posted));
			if($number > $most) {
				$most = $number;
				$best = $name;
			}
		}
		return $best;
	}
}
