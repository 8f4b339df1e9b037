<?php

// Saves what an admin has set in the tab "Sending limit" of a mailbox: POST only.

require_once '../../lib/config.inc.php';
require_once '../../lib/app.inc.php';

$app->auth->check_module_permissions('mail');
$app->uses('tform,sendlimit_api,sendlimit_page');
$app->load('plugin_base,plugin_sendlimit_tab');
$page = $app->sendlimit_page;
$page->admin_post();

// The address is that of the record, never one of the form.
$mailbox = $app->db->queryOneRecord('SELECT mailuser_id, email, server_id FROM mail_user WHERE mailuser_id = ? AND '.$app->tform->getAuthSQL('u'),
	(int)sendlimit_form::field($_POST, 'id'));
if(!$mailbox) $app->error($page->escaped($page->words->text('no_mailbox')));
session_write_close();

/** What the form wants: max, until, reason and the set_at that it showed, by kind; null: none. */
function sendlimit_wanted(string $zone): array {
	$reason = sendlimit_form::reason(sendlimit_form::field($_POST, 'sendlimit_reason'));
	$wanted = array('lasting' => null, 'boost' => null);
	$kind = sendlimit_form::field($_POST, 'sendlimit_kind');
	if($kind == 'own' || $kind == 'unlimited') {
		$wanted['lasting'] = array('max' => sendlimit_form::max($kind, sendlimit_form::field($_POST, 'sendlimit_max')), 'until' => null);
	}
	$boost = trim(sendlimit_form::field($_POST, 'sendlimit_boost_max'));
	$until = sendlimit_form::until(sendlimit_form::field($_POST, 'sendlimit_boost_until'), $zone, time());
	if(($boost === '') != ($until === null)) throw new sendlimit_error('error_boost');
	if($until !== null) $wanted['boost'] = array('max' => sendlimit_form::max('own', $boost), 'until' => $until);
	foreach($wanted as $each => $change) {
		if($change === null) continue;
		$seen = sendlimit_form::field($_POST, 'sendlimit_'.$each.'_set_at');
		$wanted[$each] += array('reason' => $reason, 'if_set_at' => $seen === '' ? null : $seen);
	}
	return $wanted;
}

$message = 'saved';
try {
	$api = $app->sendlimit_api;
	$limit = plugin_sendlimit_tab::LIMIT;
	$subject = strtolower($mailbox['email']);
	$server_id = (int)$mailbox['server_id'];
	$wanted = sendlimit_wanted($api->status($server_id)['timezone']);
	$there = sendlimit_form::overrides($api->limits_of($server_id, $subject), $limit);
	foreach($wanted as $kind => $change) {
		if($change !== null) {
			$api->set($server_id, $subject, $limit, $change + array('by' => $page->author()));
		} elseif($there[$kind] !== null) {
			$api->unset($server_id, $subject, $limit, $kind, $page->author());
		}
	}
} catch(sendlimit_error $error) {
	$message = sendlimit_form::word($error);
}
$page->leave('mail_user_edit.php?id='.(int)$mailbox['mailuser_id'].'&next_tab=sendlimit', $message);
