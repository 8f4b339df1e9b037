<?php
require '../lib/config.inc.php';
require '../lib/app.inc.php';
$core = json_decode(file_get_contents('../../core.json'), true);
$user = $core['users'][$_GET['user']] + array('username' => $_GET['user']);
$name = isset($user['mailuser_id']) ? 'mailuser' : 'mail';
$module = array('name' => $name, 'nav' => array(array('title' => 'Email', 'items' => array(array('title' => 'Mailbox', 'link' => "$name/index.php")))));
$_SESSION['s'] = array('user' => $user, 'language' => $user['language'], 'module' => $module);
$app->load_plugins();
foreach(isset($_GET['without_menu']) ? array() : glob("$name/lib/menu.d/*.menu.php") as $file) include $file;
$_SESSION['s']['module'] = $module;
$app->plugin->raise('login', $_GET['user']);
foreach($_SESSION['s']['module']['nav'] as $group) {
	foreach($group['items'] as $item) echo $item['link'], ' ', $item['title'], "\n";
}
