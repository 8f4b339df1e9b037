<?php

// Takes a limit back. For admins; GET asks, POST does it.

require_once '../../lib/config.inc.php';
require_once '../../lib/app.inc.php';

$app->auth->check_module_permissions('mail');
$app->uses('sendlimit_api,sendlimit_page');
$page = $app->sendlimit_page;
$page->admin_only();
$server_id = $page->server_id();
$input = $_SERVER['REQUEST_METHOD'] == 'POST' ? $_POST : $_GET;
$subject = sendlimit_form::field($input, 'subject');
$limit = sendlimit_form::field($input, 'limit');
$kind = sendlimit_form::field($input, 'kind') == 'boost' ? 'boost' : 'lasting';

if($_SERVER['REQUEST_METHOD'] == 'POST') {
	$page->admin_post();
	$message = 'deleted';
	try {
		$app->sendlimit_api->unset($server_id, $subject, $limit, $kind, $page->author());
	} catch(sendlimit_error $error) {
		$message = sendlimit_form::word($error);
	}
	$page->leave('sendlimit_overrides.php?server_id='.$server_id, $message);
}

$page->show('templates/sendlimit_override_delete.htm', function() { return array(); }, array(
	'sendlimit_server_id' => (string)$server_id,
	'sendlimit_field_subject' => $subject,
	'sendlimit_field_limit' => $limit,
	'sendlimit_field_kind' => $kind,
	'sendlimit_what' => $page->words->whose($limit, $subject).': '.$page->words->unit($limit),
));
