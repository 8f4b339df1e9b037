<?php

/** Fills the tab "Sending limit" of a mailbox; core has checked by then that the user may see it. */
class plugin_sendlimit_tab extends plugin_base {

	const LIMIT = 'mailbox.messages_per_day';

	function onShow() {
		global $app;
		try {
			$app->uses('sendlimit_api,sendlimit_page');
			$page = $app->sendlimit_page;
			$page->set($page->message() + $page->filled(function() { return $this->values(); }));
		} catch(Throwable $error) {
			$app->log('sendlimit: '.$error->getMessage(), LOGLEVEL_ERROR);
		}
		return '';
	}

	private function values(): array {
		global $app;
		$record = $this->form->dataRecord;
		$mailbox = strtolower((string)$record['email']);
		$server_id = (int)$record['server_id'];
		$is_admin = $app->auth->is_admin();
		$api = $app->sendlimit_api;

		$usage = $api->usage($server_id, $mailbox);
		$refusals = $api->refusals($server_id, $mailbox);
		$view = new sendlimit_usage($app->sendlimit_page->words, $is_admin ? 'admin' : 'client');
		$values = $view->values($usage);
		$values['sendlimit_refusals'] = $view->refusals($refusals, $usage['timezone']);
		if($is_admin) $values += $this->form_values($api->limits_of($server_id, $mailbox), $usage['timezone']);
		return $values;
	}

	/** Return the values of the form for admins: the limit that lasts, and the boost beside it. */
	private function form_values(array $rows, string $zone): array {
		global $app;
		$set = sendlimit_form::overrides($rows, self::LIMIT);
		$lasting = $set['lasting'];
		$boost = $set['boost'];
		$kind = $lasting === null ? 'everyone' : ($lasting['max'] === null ? 'unlimited' : 'own');
		return array(
			'sendlimit_form_shown' => '1',
			'sendlimit_kind_'.$kind => '1',
			'sendlimit_form_max' => (string)($lasting['max'] ?? ''),
			'sendlimit_form_boost_max' => (string)($boost['max'] ?? ''),
			'sendlimit_form_boost_until' => sendlimit_form::until_text($boost['until'] ?? null, $zone),
			'sendlimit_form_reason_value' => ($boost ?? $lasting)['reason'] ?? '',
			'sendlimit_until_note' => $app->sendlimit_page->words->text('form_until_hint', array('zone' => $zone)),
			'sendlimit_lasting_set_at' => $lasting['set_at'] ?? '',
			'sendlimit_boost_set_at' => $boost['set_at'] ?? '',
		);
	}
}
