<?php

/**
 * Lets counts and limits follow a mailbox that was renamed, and removes those of one that was deleted.
 *
 * Runs as root on the mail server of the mailbox, for changes from the panel as well as from
 * ISPConfig's own API, which raise no event in the panel.
 */
class sendlimit_plugin {

	const PROGRAM = '/usr/local/bin/sendlimit';
	const PATIENCE_S = '30';

	var $plugin_name = 'sendlimit_plugin';
	var $class_name = 'sendlimit_plugin';

	/** ISPConfig asks whether it shall enable the plugin. */
	function onInstall() {
		global $conf;
		return !empty($conf['services']['mail']);
	}

	function onLoad() {
		global $app;
		$app->plugins->registerEvent('mail_user_update', 'sendlimit_plugin', 'rename');
		$app->plugins->registerEvent('mail_user_delete', 'sendlimit_plugin', 'forget');
	}

	function rename($event_name, $data) {
		$old = strtolower((string)($data['old']['email'] ?? ''));
		$new = strtolower((string)($data['new']['email'] ?? ''));
		if($old !== '' && $new !== '' && $old !== $new) $this->run(array('rename', '--yes', '--', $old, $new));
	}

	function forget($event_name, $data) {
		$old = strtolower((string)($data['old']['email'] ?? ''));
		if($old !== '') $this->run(array('forget', '--yes', '--', $old));
	}

	/** Run sendlimit without a shell; what it says when it fails goes to ISPConfig's log. */
	private function run(array $words) {
		global $app;
		if(!is_executable(static::PROGRAM)) return;
		$command = array_merge(array('timeout', self::PATIENCE_S, static::PROGRAM), $words);
		$process = proc_open($command, array(array('file', '/dev/null', 'r'), array('pipe', 'w'), array('redirect', 1)), $pipes);
		if($process === false) {
			$app->log('sendlimit can not be started', LOGLEVEL_WARN);
			return;
		}
		$said = stream_get_contents($pipes[1]);
		fclose($pipes[1]);
		$code = proc_close($process);
		if($code === 0) return;
		$text = 'sendlimit '.implode(' ', $words).": exit code $code: ".trim((string)$said);
		$app->log(preg_replace('/[\x00-\x1f\x7f]+/', ' ', $text), LOGLEVEL_WARN);
	}
}
