<?php

// What the own mailbox has sent, for its owner.

require_once '../../lib/config.inc.php';
require_once '../../lib/app.inc.php';

$app->auth->check_module_permissions('mailuser');
$app->uses('sendlimit_api,sendlimit_page');
// Of the session and nothing else: getAuthSQL() lets the owner of a mailbox see all.
$mailbox = $app->db->queryOneRecord('SELECT email, server_id FROM mail_user WHERE mailuser_id = ?', (int)$_SESSION['s']['user']['mailuser_id']);
if(!$mailbox) $app->error($app->sendlimit_page->escaped($app->sendlimit_page->words->text('no_mailbox')));

$app->sendlimit_page->show('../mail/templates/sendlimit_owner.htm', function() use ($app, $mailbox) {
	$address = strtolower($mailbox['email']);
	$usage = $app->sendlimit_api->usage((int)$mailbox['server_id'], $address);
	$refusals = $app->sendlimit_api->refusals((int)$mailbox['server_id'], $address);
	$view = new sendlimit_usage($app->sendlimit_page->words, 'owner');
	return $view->values($usage) + array('sendlimit_refusals' => $view->refusals($refusals, $usage['timezone']));
}, array('sendlimit_address' => $app->functions->idn_decode($mailbox['email'])));
