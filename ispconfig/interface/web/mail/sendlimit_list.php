<?php

// The mailboxes that a user may see, with what they have sent: for admins, resellers and clients.

require_once '../../lib/config.inc.php';
require_once '../../lib/app.inc.php';

$app->auth->check_module_permissions('mail');
$app->uses('sendlimit_api,sendlimit_page');
$app->load('listform_actions');
$list_def_file = 'list/sendlimit.list.php';

class list_action extends listform_actions {

	private array $mailboxes = array();

	public function prepareDataRow($record) {
		$this->mailboxes[] = array('id' => $record['mailuser_id'], 'email' => $record['email'], 'server_id' => (int)$record['server_id']);
		return parent::prepareDataRow($record);
	}

	/** Replace the rows of core by ours: now all addresses are known, so that the API is asked once. */
	public function onShow() {
		global $app;
		$app->sendlimit_page->set($app->sendlimit_page->filled(function() { return $this->values(); }) + array('records' => $this->rows(array())));
		parent::onShow();
	}

	private function values(): array {
		global $app;
		$addresses = array();
		foreach($this->mailboxes as $mailbox) $addresses[$mailbox['server_id']][strtolower($mailbox['email'])] = true;
		$usages = array();
		$error = null;
		foreach($addresses as $server_id => $some) {
			try {
				$usages += $app->sendlimit_api->usages($server_id, array_map('strval', array_keys($some)));
			} catch(sendlimit_error $error) {
				continue;
			}
		}
		if($error !== null && !$usages) throw $error;
		return array(
			'records' => $this->rows($usages),
			'sendlimit_is_incomplete' => count($usages) < array_sum(array_map('count', $addresses)) ? '1' : '',
		);
	}

	private function rows(array $usages): array {
		global $app;
		$view = new sendlimit_usage($app->sendlimit_page->words, 'owner');
		$rows = array();
		foreach($this->mailboxes as $mailbox) {
			$usage = $usages[strtolower($mailbox['email'])] ?? null;
			$rows[] = array('id' => $mailbox['id'], 'sendlimit_mailbox' => $app->functions->idn_decode($mailbox['email']))
				+ ($usage === null ? array('sendlimit_note' => '', 'sendlimit_used' => '', 'sendlimit_has_bar' => '') : $view->summary($usage));
		}
		return $rows;
	}
}

$list = new list_action;
$list->SQLOrderBy = 'ORDER BY mail_user.email';
$list->onLoad();
