<?php

require_once __DIR__.'/sendlimit_words.inc.php';

/** What an answer of /v1/usage means to one who looks at it, in values for templates, unescaped. */
class sendlimit_usage {

	/** Per cent of a limit from which its bar is yellow. */
	const WARN_AT = 80;
	/** Whose limits each kind of viewer sees: of others' mail only admins see numbers. */
	const SCOPES = array(
		'admin' => array('mailbox', 'domain', 'global'),
		'client' => array('mailbox', 'domain'),
		'owner' => array('mailbox'),
	);

	/** $viewer: admin, client (resellers, too), or owner of a mailbox. */
	public function __construct(private sendlimit_words $words, private string $viewer) {}

	/** Return the values of sendlimit_usage.htm, with the rows of its loop. */
	public function values(array $usage): array {
		list($style, $text) = $this->state($usage);
		$rows = array();
		foreach($usage['limits'] as $limit) {
			if($this->sees($limit['limit'])) $rows[] = $this->row($limit, $usage['timezone']);
		}
		return array(
			'sendlimit_state' => $text,
			'sendlimit_state_style' => $style,
			'sendlimit_zone_note' => $this->words->text('times_in', array('zone' => $usage['timezone'])),
			'sendlimit_limits' => $rows,
		);
	}

	/** Return the values of a row of the list: the limit of the mailbox that is nearest to its end. */
	public function summary(array $usage): array {
		$found = array('sendlimit_used' => '', 'sendlimit_has_bar' => '', 'sendlimit_percent' => '-1');
		foreach($usage['limits'] as $limit) {
			if($limit['used'] === null || !$this->sees($limit['limit'])) continue;
			$row = $this->row($limit, $usage['timezone']);
			if((int)$row['sendlimit_percent'] > (int)$found['sendlimit_percent']) $found = $row;
		}
		return array('sendlimit_note' => $usage['refused'] ? $this->refused($usage) : '') + $found;
	}

	private function sees(string $limit): bool {
		return $limit == 'mailbox.suspended' || in_array(strstr($limit, '.', true), self::SCOPES[$this->viewer]);
	}

	/** Return the colour (danger, warning, info or none) and the sentence above the bars. */
	private function state(array $usage): array {
		$words = $this->words;
		if($usage['exempt']) return array('info', $words->text('exempt'));
		if($usage['over_limit'] !== null && $usage['refused']) return array('danger', $this->refused($usage));
		if($usage['over_limit'] !== null) return array('warning', $words->text('over_observed'));
		if($usage['mode'] == 'observe') return array('info', $words->text('observes'));
		if($usage['external_over_limit'] !== null) {
			$end = $usage['external_resets_at'];
			if($end === null) return array('warning', $words->text('over_external_for_good'));
			return array('warning', $words->text('over_external', array('time' => $words->moment($end, $usage['timezone']))));
		}
		if(!$usage['known']) return array('info', $words->text('unknown'));
		return array('', '');
	}

	private function refused(array $usage): string {
		if($usage['over_limit'] == 'mailbox.suspended') return $this->words->text('over_suspended');
		if($usage['resets_at'] === null) return $this->words->text('over_for_good');
		$time = $this->words->moment($usage['resets_at'], $usage['timezone']);
		$scope = strstr($usage['over_limit'], '.', true);
		return $this->words->text('over_'.($scope == 'domain' || $scope == 'global' ? $scope : 'mailbox'), array('time' => $time));
	}

	private function row(array $limit, string $zone): array {
		$is_counted = $limit['used'] !== null;
		return array(
			'sendlimit_scope' => $this->words->scope($limit['limit'], $limit['subject']),
			'sendlimit_used' => $this->used($limit),
			'sendlimit_again' => $is_counted ? $this->again($limit, $zone) : '',
			'sendlimit_origin' => $this->origin($limit, $zone),
		) + $this->bar($is_counted ? $limit['used'] : 0, $is_counted ? $limit['max'] : null);
	}

	/** When a count starts again; a rolling window, which never does, frees room when it is full. */
	private function again(array $limit, string $zone): string {
		$is_rolling = strpos($limit['limit'], '_rolling_') !== false;
		if($is_rolling && ($limit['max'] === null || $limit['used'] < $limit['max'])) return '';
		return $this->words->text($is_rolling ? 'again_rolling' : 'again', array('time' => $this->words->moment($limit['period_end'], $zone)));
	}

	/** "37 of 100 messages a day". */
	public function used(array $limit): string {
		$values = array('unit' => $this->words->unit($limit['limit']));
		foreach(array('used', 'max') as $key) {
			if($limit[$key] !== null) $values[$key] = $this->words->number($limit[$key]);
		}
		if($limit['limit'] == 'mailbox.suspended') return $values['unit'];
		if($limit['used'] === null) return $this->words->text($limit['max'] === null ? 'per_message_unlimited' : 'per_message', $values);
		return $this->words->text($limit['max'] === null ? 'used_unlimited' : 'used_of', $values);
	}

	/** Return the length of a bar in per cent and its colour; without a limit there is no bar. */
	public function bar(int $used, ?int $max): array {
		$percent = $max === null ? 0 : ($used >= $max ? 100 : intdiv($used * 100, $max));
		return array(
			'sendlimit_has_bar' => $max === null ? '' : '1',
			'sendlimit_percent' => (string)$percent,
			'sendlimit_bar_style' => $percent >= 100 ? 'danger' : ($percent >= self::WARN_AT ? 'warning' : 'success'),
		);
	}

	/** Say where a limit comes from; who set it and why is for admins. */
	private function origin(array $limit, string $zone): string {
		$words = $this->words;
		$override = $limit['override'];
		switch($limit['origin']) {
		case null:
			return '';
		case 'learned':
		case 'share':
			return $words->text('origin_'.$limit['origin']);
		case 'boost':
			$text = $words->text('origin_boost', array('time' => $words->moment((string)($override['until'] ?? ''), $zone)));
			break;
		default:
			$is_for_all = $limit['set_for'] == '*' && strpos($limit['limit'], 'global.') !== 0;
			$is_of_domain = strpos($limit['limit'], 'mailbox.') === 0 && strpos((string)$limit['set_for'], '@') === false;
			$text = $words->text($is_for_all ? 'origin_everyone' : ($is_of_domain ? 'origin_domain' : ($override === null ? 'origin_file' : 'origin_own')));
		}
		if($this->viewer != 'admin' || $override === null) return $text;
		$key = $override['reason'] === '' ? 'set_by' : 'set_by_reason';
		return $text.' '.$words->text($key, array('who' => $override['set_by'], 'reason' => $override['reason']));
	}

	/** Return the rows of sendlimit_refusals.htm; those of limits whose numbers are not for this viewer are left out. */
	public function refusals(array $refusals, string $zone): array {
		$rows = array();
		foreach($refusals as $refusal) {
			if(!$this->sees($refusal['limit'])) continue;
			$rows[] = array(
				'sendlimit_limit' => $this->words->choice($refusal['limit'], $this->words->number($refusal['max']).' '),
				'sendlimit_mailbox' => $refusal['last_mailbox'],
				'sendlimit_attempts' => $this->words->number($refusal['attempts']),
				'sendlimit_last_at' => $this->words->moment($refusal['last_at'], $zone),
				'sendlimit_client' => $refusal['last_client_addr'],
				'sendlimit_sender' => $refusal['last_sender'],
			);
		}
		return $rows;
	}
}
