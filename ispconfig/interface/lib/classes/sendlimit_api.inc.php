<?php

require_once __DIR__.'/sendlimit_error.inc.php';
require_once __DIR__.'/sendlimit_shapes.inc.php';

/**
 * The HTTP API of sendlimit, one object a page.
 *
 * Pages must stay fast: one request takes REQUEST_MS at most and all requests of a page PAGE_MS;
 * a server that did not answer is not asked again. Every method throws sendlimit_error.
 */
class sendlimit_api {

	const CONNECT_MS = 300;
	const REQUEST_MS = 1500;
	const PAGE_MS = 3000;
	/** Bytes of an answer; that of the most subjects of a list has less than a tenth. */
	const ANSWER_MAX = 8000000;
	/** Addresses of one request: the API gives up after a second, and takes 64 KiB at most. */
	const SUBJECTS_MAX = 100;

	private array $servers;
	private array $away = array();
	private float $spent_ms = 0;

	/** $servers: as in sendlimit.conf.php, by server_id; null: those of that file. */
	public function __construct(?array $servers = null) {
		if($servers === null) {
			$file = dirname(__DIR__).'/sendlimit.conf.php';
			$servers = is_readable($file) ? include $file : array();
		}
		$this->servers = is_array($servers) ? $servers : array();
	}

	/** The server_ids for which a sendlimit is configured. */
	public function server_ids(): array {
		return array_map('intval', array_keys($this->servers));
	}

	public function status(int $server_id): array {
		return sendlimit_shapes::status($this->ask($server_id, 'GET', '/v1/status'));
	}

	public function usage(int $server_id, string $subject): array {
		return sendlimit_shapes::usage($this->ask($server_id, 'GET', '/v1/usage/'.self::segment($subject)));
	}

	/** The usage of many mailboxes, by address; those that could not be asked in time are missing. */
	public function usages(int $server_id, array $addresses): array {
		$found = array();
		foreach(array_chunk($addresses, self::SUBJECTS_MAX) as $some) {
			try {
				$answer = $this->ask($server_id, 'POST', '/v1/usage', array('subjects' => $some));
				$usages = sendlimit_shapes::usages($answer);
			} catch(sendlimit_error $error) {
				if(!$found) throw $error;
				break;
			}
			if(count($usages) != count($some)) throw new sendlimit_error('bad_answer');
			$found += array_combine($some, $usages);
		}
		return $found;
	}

	public function overview(int $server_id): array {
		return sendlimit_shapes::overview($this->ask($server_id, 'GET', '/v1/overview?top=10&since=7d'));
	}

	public function refusals(int $server_id, string $subject): array {
		$query = http_build_query(array('subject' => $subject, 'since' => '30d', 'limit' => 5));
		return sendlimit_shapes::refusals($this->ask($server_id, 'GET', '/v1/refusals?'.$query));
	}

	/** What is set for one subject. */
	public function limits_of(int $server_id, string $subject): array {
		$query = http_build_query(array('subject' => $subject));
		return sendlimit_shapes::limits($this->ask($server_id, 'GET', '/v1/limits?'.$query))['limits'];
	}

	/** A page of all that is set; $after is `next` of the page before. */
	public function limits(int $server_id, string $after): array {
		$query = http_build_query(array('after' => $after, 'limit' => 50));
		return sendlimit_shapes::limits($this->ask($server_id, 'GET', '/v1/limits?'.$query));
	}

	/** Set a limit. $change: max, until, reason, by, if_set_at, as the API has them. */
	public function set(int $server_id, string $subject, string $limit, array $change): void {
		$this->ask($server_id, 'PUT', self::limit_path($subject, $limit), $change);
	}

	/** Take a limit back; it is well when there is none any more. $kind: boost or lasting. */
	public function unset(int $server_id, string $subject, string $limit, string $kind, string $by): void {
		$query = http_build_query(array('kind' => $kind, 'by' => $by));
		try {
			$this->ask($server_id, 'DELETE', self::limit_path($subject, $limit).'?'.$query);
		} catch(sendlimit_error $error) {
			if($error->reason != 'no_such_override') throw $error;
		}
	}

	private static function segment(string $text): string {
		return rawurlencode(strtolower($text));
	}

	private static function limit_path(string $subject, string $limit): string {
		return '/v1/limits/'.self::segment($subject).'/'.self::segment($limit);
	}

	private function ask(int $server_id, string $method, string $target, ?array $body = null): array {
		if(isset($this->away[$server_id])) throw $this->away[$server_id];
		$began = microtime(true);
		try {
			list($status, $text) = $this->send($server_id, $method, $target, $body);
		} catch(sendlimit_error $error) {
			throw $this->away[$server_id] = $error;
		} finally {
			$this->spent_ms += (microtime(true) - $began) * 1000;
		}
		$answer = json_decode($text, true, 32);
		if(!is_array($answer)) throw new sendlimit_error('bad_answer', "HTTP $status without JSON");
		if($status < 200 || $status > 299) {
			$said = sendlimit_shapes::error($answer);
			$error = new sendlimit_error($said['code'], $said['message']);
			if($status >= 500) $this->away[$server_id] = $error;
			throw $error;
		}
		return $answer;
	}

	/** Return the status and the body of an answer. */
	private function send(int $server_id, string $method, string $target, ?array $body): array {
		if(!function_exists('curl_init')) throw new sendlimit_error('no_curl', 'PHP has no curl: install php-curl');
		$left_ms = (int)(self::PAGE_MS - $this->spent_ms);
		if($left_ms < 1) throw new sendlimit_error('unreachable', 'too slow for this page');
		$text = '';
		$curl = curl_init();
		curl_setopt_array($curl, $this->connection($server_id, $target) + array(
			CURLOPT_CUSTOMREQUEST => $method,
			CURLOPT_CONNECTTIMEOUT_MS => self::CONNECT_MS,
			CURLOPT_TIMEOUT_MS => min(self::REQUEST_MS, $left_ms),
			CURLOPT_NOSIGNAL => true,
			// A proxy of the environment would be given the token.
			CURLOPT_PROXY => '',
			CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
			CURLOPT_FOLLOWLOCATION => false,
			CURLOPT_WRITEFUNCTION => function($curl, $piece) use (&$text) {
				$text .= $piece;
				return strlen($text) > self::ANSWER_MAX ? 0 : strlen($piece);
			},
		));
		if($body !== null) curl_setopt($curl, CURLOPT_POSTFIELDS, json_encode($body, JSON_INVALID_UTF8_SUBSTITUTE));
		if(curl_exec($curl) === false) throw new sendlimit_error('unreachable', curl_error($curl));
		return array(curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $text);
	}

	/** Return the options of curl that say where a server is and who asks. */
	private function connection(int $server_id, string $target): array {
		$server = $this->servers[$server_id] ?? null;
		$headers = array('Accept: application/json', 'Content-Type: application/json', 'Expect:');
		if(isset($server['socket'])) {
			return array(
				CURLOPT_UNIX_SOCKET_PATH => $server['socket'],
				CURLOPT_URL => 'http://sendlimit'.$target,
				CURLOPT_HTTPHEADER => $headers,
			);
		}
		if(!isset($server['url'], $server['token_file'])) {
			throw new sendlimit_error('no_server', "sendlimit.conf.php has no server $server_id");
		}
		if(!preg_match('#^(https://|http://(127\.0\.0\.1|\[::1\]|localhost)(:|/|$))#', $server['url'])) {
			throw new sendlimit_error('no_server', 'sendlimit.conf.php: url must begin with https://, or be of this host');
		}
		$token = is_readable($server['token_file']) ? trim(file_get_contents($server['token_file'])) : '';
		if($token === '') throw new sendlimit_error('no_server', "no token can be read in {$server['token_file']}");
		$headers[] = 'Authorization: Bearer '.$token;
		return array(CURLOPT_URL => rtrim($server['url'], '/').$target, CURLOPT_HTTPHEADER => $headers);
	}
}
