<?php

require_once __DIR__.'/sendlimit_error.inc.php';

/**
 * The shapes of the API's answers that the pages rely on: an answer of another shape is bad_answer.
 *
 * A shape is a type ("?" in front: or null), an array with keys, or array(shape) for a list.
 */
class sendlimit_shapes {

	const OVERRIDE = array('subject' => 'string', 'limit' => 'string', 'max' => '?int', 'until' => '?string',
		'reason' => 'string', 'set_by' => 'string', 'set_at' => 'string');
	const LIMIT = array('limit' => 'string', 'subject' => 'string', 'max' => '?int', 'used' => '?int',
		'period_end' => 'string', 'origin' => '?string', 'set_for' => '?string', 'override' => '?array');
	const USAGE = array('subject' => 'string', 'known' => 'bool', 'timezone' => 'string', 'mode' => 'string',
		'exempt' => 'bool', 'over_limit' => '?string', 'refused' => 'bool', 'resets_at' => '?string',
		'external_over_limit' => '?string', 'external_resets_at' => '?string', 'limits' => array(self::LIMIT));
	const REFUSAL = array('limit' => 'string', 'subject' => 'string', 'max' => 'int', 'last_at' => 'string',
		'attempts' => 'int', 'last_client_addr' => 'string', 'last_sender' => 'string', 'last_mailbox' => 'string');

	public static function status($answer): array {
		return self::checked($answer, array('mode' => 'string', 'timezone' => 'string',
			'limits' => array(array('limit' => 'string', 'scope' => 'string'))));
	}

	public static function usage($answer): array {
		self::checked($answer, self::USAGE);
		foreach($answer['limits'] as $limit) {
			if($limit['override'] !== null) self::checked($limit['override'], self::OVERRIDE);
		}
		return $answer;
	}

	public static function usages($answer): array {
		return array_map(array(self::class, 'usage'), self::checked($answer, array('usage' => 'array'))['usage']);
	}

	public static function overview($answer): array {
		self::checked($answer, array('mode' => 'string', 'timezone' => 'string', 'global' => 'array',
			'top' => array('limit' => 'string', 'subjects' => array(array('subject' => 'string', 'used' => 'int', 'max' => '?int'))),
			'refusals' => array(self::REFUSAL), 'findings' => array(array('level' => 'string', 'text' => 'string'))));
		self::usage($answer['global']);
		return $answer;
	}

	public static function refusals($answer): array {
		return self::checked($answer, array('refusals' => array(self::REFUSAL)))['refusals'];
	}

	public static function limits($answer): array {
		return self::checked($answer, array('limits' => array(self::OVERRIDE + array('in_force' => 'bool')), 'next' => '?string'));
	}

	public static function error($answer): array {
		return self::checked($answer, array('error' => array('code' => 'string', 'message' => 'string')))['error'];
	}

	private static function checked($value, $shape) {
		if(!self::fits($value, $shape)) throw new sendlimit_error('bad_answer', 'the answer is not that of sendlimit');
		return $value;
	}

	private static function fits($value, $shape): bool {
		if(is_string($shape)) {
			if($shape[0] == '?') return $value === null || self::fits($value, substr($shape, 1));
			return get_debug_type($value) == $shape;
		}
		if(!is_array($value)) return false;
		if(array_is_list($shape)) {
			foreach($value as $each) {
				if(!self::fits($each, $shape[0])) return false;
			}
			return array_is_list($value);
		}
		foreach($shape as $key => $part) {
			if(!array_key_exists($key, $value) || !self::fits($value[$key], $part)) return false;
		}
		return true;
	}
}
