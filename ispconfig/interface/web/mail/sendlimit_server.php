<?php

// The whole server: its limits, who sends most, what was refused. For admins.

require_once '../../lib/config.inc.php';
require_once '../../lib/app.inc.php';

$app->auth->check_module_permissions('mail');
$app->uses('sendlimit_api,sendlimit_page');
$page = $app->sendlimit_page;
$page->admin_only();
$server_id = $page->server_id();

/** Top senders with their bars; those that are mailboxes of this panel lead to their tab. */
function sendlimit_top_rows(array $top, sendlimit_usage $view): array {
	global $app;
	if(!$top['subjects']) return array();
	$ids = array();
	$found = $app->db->queryAllRecords('SELECT mailuser_id, email FROM mail_user WHERE email IN ?', array_column($top['subjects'], 'subject'));
	foreach((array)$found as $row) $ids[strtolower($row['email'])] = $row['mailuser_id'];
	$rows = array();
	foreach($top['subjects'] as $each) {
		$rows[] = array(
			'sendlimit_mailbox' => $each['subject'],
			'sendlimit_id' => $ids[$each['subject']] ?? '',
			'sendlimit_used' => $view->used($each + array('limit' => $top['limit'])),
		) + $view->bar($each['used'], $each['max']);
	}
	return $rows;
}

/** The links to the other mail servers; none where there is one. */
function sendlimit_servers(array $ids, int $current): array {
	$rows = array();
	foreach(count($ids) > 1 ? $ids : array() as $id) {
		$rows[] = array('sendlimit_id' => (string)$id, 'sendlimit_is_current' => $id == $current ? '1' : '');
	}
	return $rows;
}

$page->show('templates/sendlimit_server.htm', function() use ($app, $page, $server_id) {
	$words = $page->words;
	$overview = $app->sendlimit_api->overview($server_id);
	$view = new sendlimit_usage($words, 'admin');
	$values = $view->values($overview['global']);
	if($values['sendlimit_state'] === '') {
		$values['sendlimit_state'] = $words->text('enforces');
		$values['sendlimit_state_style'] = 'info';
	}
	$findings = array();
	foreach($overview['findings'] as $finding) {
		$findings[] = array('sendlimit_style' => $finding['level'] == 'error' ? 'danger' : 'warning', 'sendlimit_text' => $finding['text']);
	}
	return $values + array(
		'sendlimit_top_rows' => sendlimit_top_rows($overview['top'], $view),
		'sendlimit_refusals' => $view->refusals($overview['refusals'], $overview['timezone']),
		'sendlimit_finding_rows' => $findings,
	);
}, array(
	'sendlimit_server_id' => (string)$server_id,
	'sendlimit_server_rows' => sendlimit_servers($app->sendlimit_api->server_ids(), $server_id),
));
