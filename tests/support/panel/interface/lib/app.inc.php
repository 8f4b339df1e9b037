<?php
// The application object of the made-up panel.

session_start();

class core_functions {
	function check_language($language) { return $language; }
	function idn_decode($text) { return $text; }
}

class core_auth {
	function is_admin() { return $_SESSION['s']['user']['typ'] == 'admin'; }
	function check_module_permissions($module) {
		$user = $_SESSION['s']['user'] ?? null;
		$of_user = $user === null ? null : (isset($user['mailuser_id']) ? 'mailuser' : 'mail');
		if($of_user == $module) return;
		header('Location: /index.php');
		exit;
	}
	function csrf_token_get($name) {
		$id = $name.bin2hex(random_bytes(8));
		$_SESSION['_csrf'][$id] = bin2hex(random_bytes(8));
		return array('csrf_id' => $id, 'csrf_key' => $_SESSION['_csrf'][$id]);
	}
	/** A token is good once. */
	function csrf_token_check($method) {
		global $app;
		$id = $_POST['_csrf_id'] ?? '';
		$is_right = isset($_SESSION['_csrf'][$id]) && $_SESSION['_csrf'][$id] === ($_POST['_csrf_key'] ?? '');
		unset($_SESSION['_csrf'][$id]);
		if(!$is_right) $app->error('CSRF attempt blocked.');
	}
}

/** Mailboxes of core.json; a condition of getAuthSQL() is the word "auth". */
class core_db {
	private array $rows;
	function __construct() {
		$core = json_decode(file_get_contents(dirname(__DIR__, 2).'/core.json'), true);
		$this->rows = $core['mailboxes'];
		if(is_file(dirname(__DIR__, 2).'/many')) {
			for($id = 10; $id < 5010; $id++) $this->rows[$id] = array('mailuser_id' => $id, 'email' => "u$id@many.example", 'login' => '', 'server_id' => 1, 'disablesmtp' => 'n');
		}
	}
	function queryOneRecord($sql, $id) {
		$is_mine = strpos($sql, 'auth') === false || in_array($id, $_SESSION['s']['user']['sees']);
		return $is_mine ? ($this->rows[$id] ?? null) : null;
	}
	function queryAllRecords($sql, $addresses) {
		return array_filter($this->rows, function($row) use ($addresses) { return in_array(strtolower($row['email']), $addresses); });
	}
	function seen() {
		$user = $_SESSION['s']['user'];
		return array_filter($this->rows, function($row) use ($user) { return $user['typ'] == 'admin' || in_array($row['mailuser_id'], $user['sees']); });
	}
}

class core_tform {
	public array $formDef = array('name' => 'mail_user', 'tabs' => array(
		'mailuser' => array('title' => 'Mailbox', 'fields' => array('email' => 1, 'disablesmtp' => 1), 'template' => ''),
		'autoresponder' => array('title' => 'Autoresponder', 'fields' => array('autoresponder_text' => 1), 'template' => ''),
	));
	public array $wordbook = array();
	function getAuthSQL($permission) { return 'auth'; }
	function getCurrentTab() { return $_SESSION['s']['form']['tab'] ?? 'mailuser'; }
}

class core_plugin {
	private array $handlers = array();
	function registerEvent($event, $class, $method, $module) { $this->handlers[$event][] = array($class, $method); }
	function raise($event, $data) {
		global $app;
		foreach($this->handlers[$event] ?? array() as list($class, $method)) call_user_func(array($app->plugins_loaded[$class], $method), $event, $data);
	}
}

#[AllowDynamicProperties]
class core_app {
	public array $plugins_loaded = array();
	private array $loaded = array();
	function __construct() {
		$this->functions = new core_functions;
		$this->auth = new core_auth;
		$this->db = new core_db;
		$this->tform = new core_tform;
		$this->plugin = new core_plugin;
	}
	function uses($classes) {
		foreach(explode(',', $classes) as $class) {
			if(isset($this->$class) || !is_file(ISPC_CLASS_PATH."/$class.inc.php")) continue;
			include_once ISPC_CLASS_PATH."/$class.inc.php";
			$this->$class = new $class;
		}
	}
	function load($classes) {
		foreach(explode(',', $classes) as $class) include_once ISPC_CLASS_PATH."/$class.inc.php";
	}
	function load_plugins() {
		foreach(glob(dirname(__DIR__).'/web/*/lib/plugin.d/*.inc.php') as $file) {
			$class = basename($file, '.inc.php');
			require $file;
			$this->plugins_loaded[$class] = new $class;
			$this->plugins_loaded[$class]->onLoad();
		}
	}
	function error($text) { die('<p class="error">'.$text.'</p>'); }
	function log($text, $level = 0) { file_put_contents(dirname(__DIR__, 2).'/log', $text."\n", FILE_APPEND); }
	function lng($word) { return $word; }
	function tpl_defaults() {}
}

$app = new core_app;
