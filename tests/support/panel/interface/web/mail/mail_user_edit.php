<?php
// The form of a mailbox: shows a tab, or saves one when it is posted.
require '../../lib/config.inc.php';
require '../../lib/app.inc.php';
$app->auth->check_module_permissions('mail');
$app->load('plugin_base');
$app->uses('tpl');
$app->load_plugins();
$app->plugin->raise('on_after_formdef', $app->tform);
$page = new plugin_base;
$page->id = (int)$_REQUEST['id'];
if($_POST) {
	$app->plugin->raise('on_before_update', $page);
	die('core has saved the tab '.$app->tform->getCurrentTab());
}
$tab = $_GET['next_tab'] ?? 'mailuser';
$_SESSION['s']['form']['tab'] = $tab;
$page->dataRecord = $app->db->queryOneRecord('SELECT ... AND '.$app->tform->getAuthSQL('r'), $page->id);
if(!$page->dataRecord) $app->error('no permission');
echo implode(' ', array_keys($app->tform->formDef['tabs'])), "\n";
if($tab == 'sendlimit') {
	$token = $app->auth->csrf_token_get('mail_user');
	$app->tpl->setVar(array('id' => $page->id, '_csrf_id' => $token['csrf_id'], '_csrf_key' => $token['csrf_key']));
	$app->load('plugin_sendlimit_tab');
	$plugin = new plugin_sendlimit_tab;
	$plugin->form = $page;
	$plugin->onShow();
	$app->tpl->setInclude('content_tpl', $app->tform->formDef['tabs'][$tab]['template']);
	$app->tpl->pparse();
}
