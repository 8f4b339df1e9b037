<?php

// All limits that are set in sendlimit's database, page by page. For admins.

require_once '../../lib/config.inc.php';
require_once '../../lib/app.inc.php';

$app->auth->check_module_permissions('mail');
$app->uses('sendlimit_api,sendlimit_page');
$page = $app->sendlimit_page;
$page->admin_only();
$server_id = $page->server_id();
$after = sendlimit_form::field($_GET, 'after');

$page->show('templates/sendlimit_overrides.htm', function() use ($app, $page, $server_id, $after) {
	$words = $page->words;
	$zone = $app->sendlimit_api->status($server_id)['timezone'];
	$found = $app->sendlimit_api->limits($server_id, $after);
	$rows = array();
	foreach($found['limits'] as $row) {
		$until = $row['until'] === null ? $words->text('lasting') : $words->moment($row['until'], $zone);
		$rows[] = array(
			'sendlimit_for' => $words->whose($row['limit'], $row['subject']),
			'sendlimit_number' => $row['max'] === null ? $words->text('unlimited') : $words->number($row['max']),
			'sendlimit_unit' => $words->unit($row['limit']),
			'sendlimit_until_text' => $row['in_force'] ? $until : $until.' ('.$words->text('ended').')',
			'sendlimit_reason_text' => $row['reason'],
			'sendlimit_who' => $row['set_by'],
			'sendlimit_link' => http_build_query(array('server_id' => $server_id, 'subject' => $row['subject'],
				'limit' => $row['limit'], 'kind' => $row['until'] === null ? 'lasting' : 'boost')),
		);
	}
	return array(
		'sendlimit_override_rows' => $rows,
		'sendlimit_next_page' => rawurlencode((string)$found['next']),
		'sendlimit_zone_note' => $words->text('times_in', array('zone' => $zone)),
	);
}, array('sendlimit_server_id' => (string)$server_id, 'sendlimit_is_first' => $after === '' ? '1' : ''));
