<?php

// Sets a limit, or changes one that is set. For admins; GET shows the form, POST saves it.

require_once '../../lib/config.inc.php';
require_once '../../lib/app.inc.php';

$app->auth->check_module_permissions('mail');
$app->uses('sendlimit_api,sendlimit_page');
$page = $app->sendlimit_page;
$page->admin_only();
$server_id = $page->server_id();
$problem = null;

/** Save what was posted; return why it was not. A row that is there keeps its kind. */
function sendlimit_save_override(int $server_id): ?string {
	global $app;
	try {
		$row = sendlimit_form::field($_POST, 'sendlimit_row');
		$seen = sendlimit_form::field($_POST, 'sendlimit_set_at');
		$zone = $app->sendlimit_api->status($server_id)['timezone'];
		$until = $row == 'lasting' ? null : sendlimit_form::until(sendlimit_form::field($_POST, 'sendlimit_until'), $zone, time());
		if($row == 'boost' && $until === null) throw new sendlimit_error('error_until');
		$app->sendlimit_api->set($server_id, trim(sendlimit_form::field($_POST, 'sendlimit_subject')), sendlimit_form::field($_POST, 'sendlimit_limit'), array(
			'max' => sendlimit_form::max(sendlimit_form::field($_POST, 'sendlimit_kind'), sendlimit_form::field($_POST, 'sendlimit_max')),
			'until' => $until,
			'reason' => sendlimit_form::reason(sendlimit_form::field($_POST, 'sendlimit_reason')),
			'by' => $app->sendlimit_page->author(),
		) + ($row === '' ? array() : array('if_set_at' => $seen)));
	} catch(sendlimit_error $error) {
		return sendlimit_form::word($error);
	}
	return null;
}

if($_SERVER['REQUEST_METHOD'] == 'POST') {
	$page->admin_post();
	$problem = sendlimit_save_override($server_id);
	if($problem === null) $page->leave('sendlimit_overrides.php?server_id='.$server_id, 'saved');
}

/** What the fields have: what was typed, what is set, or nothing. */
function sendlimit_fields(int $server_id, string $zone): array {
	global $app;
	$subject = sendlimit_form::field($_GET, 'subject');
	$limit = sendlimit_form::field($_GET, 'limit');
	$kind = sendlimit_form::field($_GET, 'kind') == 'boost' ? 'boost' : 'lasting';
	$row = $subject === '' ? null : sendlimit_form::overrides($app->sendlimit_api->limits_of($server_id, $subject), $limit)[$kind];
	$fields = array(
		'row' => $row === null ? '' : $kind,
		'subject' => $subject,
		'limit' => $limit,
		'kind' => $row !== null && $row['max'] === null ? 'unlimited' : 'own',
		'max' => (string)($row['max'] ?? ''),
		'until' => sendlimit_form::until_text($row['until'] ?? null, $zone),
		'reason' => $row['reason'] ?? '',
		'set_at' => $row['set_at'] ?? '',
	);
	if($_SERVER['REQUEST_METHOD'] != 'POST') return $fields;
	foreach($fields as $name => $value) $fields[$name] = sendlimit_form::field($_POST, 'sendlimit_'.$name);
	return $fields;
}

/** The limits to choose from: of a row that is there its own. */
function sendlimit_limit_options(array $status, array $fields, sendlimit_words $words): array {
	$options = array();
	foreach($status['limits'] as $limit) {
		$is_selected = $limit['limit'] == ($fields['limit'] ?: 'mailbox.messages_per_day');
		if($fields['row'] !== '' && !$is_selected) continue;
		$options[] = array('sendlimit_name' => $limit['limit'], 'sendlimit_text' => $words->choice($limit['limit']), 'sendlimit_is_selected' => $is_selected ? '1' : '');
	}
	return $options;
}

$page->show('templates/sendlimit_override_edit.htm', function() use ($app, $page, $server_id) {
	$status = $app->sendlimit_api->status($server_id);
	$fields = sendlimit_fields($server_id, $status['timezone']);
	$values = array(
		'sendlimit_limit_options' => sendlimit_limit_options($status, $fields, $page->words),
		'sendlimit_kind_'.($fields['kind'] == 'unlimited' ? 'unlimited' : 'own') => '1',
		'sendlimit_has_until' => $fields['row'] == 'lasting' ? '' : '1',
		'sendlimit_until_note' => $page->words->text($fields['row'] == 'boost' ? 'times_in' : 'until_hint', array('zone' => $status['timezone'])),
	);
	foreach($fields as $name => $value) $values['sendlimit_field_'.$name] = $value;
	return $values;
}, array('sendlimit_server_id' => (string)$server_id) + ($problem === null ? array() : array('sendlimit_problem' => $page->words->text($problem))));
