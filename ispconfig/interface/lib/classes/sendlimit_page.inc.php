<?php

require_once __DIR__.'/sendlimit_error.inc.php';
require_once __DIR__.'/sendlimit_form.inc.php';
require_once __DIR__.'/sendlimit_usage.inc.php';

/** What the pages of the extension share. Everything that set() gives to a template is escaped there. */
class sendlimit_page {

	public sendlimit_words $words;

	public function __construct() {
		global $app;
		$this->words = new sendlimit_words($app->functions->check_language($_SESSION['s']['language'] ?? 'en'));
	}

	/** Let administrators in only. */
	public function admin_only(): void {
		global $app;
		if(!$app->auth->is_admin()) $app->error(self::escaped($this->words->text('only_admins')));
	}

	/** Let administrators in only who post a form of this session; each token is taken once. */
	public function admin_post(): void {
		global $app;
		$this->admin_only();
		if($_SERVER['REQUEST_METHOD'] != 'POST') $app->error(self::escaped($this->words->text('only_post')));
		$app->auth->csrf_token_check('POST');
	}

	/** Return the values of a new form's token. */
	public function token(): array {
		global $app;
		$token = $app->auth->csrf_token_get('sendlimit');
		return array('_csrf_id' => $token['csrf_id'], '_csrf_key' => $token['csrf_key']);
	}

	/**
	 * Show a page.
	 *
	 * $fill returns its values, may ask the API, and runs after the session was stored: a late
	 * answer must not write an old session over what other requests have put into it meanwhile.
	 */
	public function show(string $template, callable $fill, array $values = array()): void {
		global $app;
		$values += $this->token() + $this->message();
		foreach(array('btn_save_txt', 'btn_cancel_txt') as $word) $values[$word] = $app->lng($word);
		session_write_close();
		$app->uses('tpl');
		$app->tpl->newTemplate('form.tpl.htm');
		$app->tpl->setInclude('content_tpl', $template);
		$this->set($values + $this->filled($fill));
		$app->tpl_defaults();
		$app->tpl->pparse();
	}

	/** Return what $fill returns, or why sendlimit does not answer: a page is shown in any case. */
	public function filled(callable $fill): array {
		try {
			return array('sendlimit_answers' => '1') + $fill();
		} catch(sendlimit_error $error) {
			return $this->away($error);
		}
	}

	private function away(sendlimit_error $error): array {
		global $app;
		$is_admin = $app->auth->is_admin();
		return array(
			'sendlimit_away' => $this->words->text($error->reason == 'no_server' ? 'no_server' : 'away'),
			'sendlimit_reason' => $is_admin ? $error->reason.': '.$error->getMessage() : '',
		);
	}

	/** Give values to the template, lists of rows as loops; all are escaped, but for the words. */
	public function set(array $values): void {
		global $app;
		$app->tpl->setVar($this->words->all());
		foreach($values as $name => $value) {
			if(!is_array($value)) $app->tpl->setVar($name, self::escaped($value));
			elseif($value) $app->tpl->setLoop($name, self::escaped($value));
		}
	}

	/** $value: a text, or an array of them at any depth. */
	public static function escaped($value) {
		if(is_array($value)) return array_map(array(self::class, 'escaped'), $value);
		return htmlspecialchars((string)$value, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
	}

	/** Go to another page of this module, with what it is to say: a word, such as "saved". */
	public function leave(string $target, string $message): void {
		header('Location: '.$target.(strpos($target, '?') ? '&' : '?').'sendlimit_message='.$message);
		exit;
	}

	/** What leave() has let this page say. */
	public function message(): array {
		$word = sendlimit_form::field($_GET, 'sendlimit_message');
		if(in_array($word, array('saved', 'deleted'))) return array('sendlimit_done' => $this->words->text($word));
		if(strpos($word, 'error_') !== 0 || !$this->words->has($word)) return array();
		return array('sendlimit_problem' => $this->words->text($word));
	}

	/** Who makes a change, for the audit trail of sendlimit. */
	public function author(): string {
		return substr('ispconfig:'.$_SESSION['s']['user']['username'], 0, 255);
	}

	/** The mail server that a page is about: that of the request, or the first that has a sendlimit. */
	public function server_id(): int {
		global $app;
		$known = $app->sendlimit_api->server_ids();
		$wanted = (int)sendlimit_form::field($_GET, 'server_id');
		return in_array($wanted, $known) ? $wanted : ($known[0] ?? $wanted);
	}
}
