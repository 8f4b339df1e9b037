<?php

require_once __DIR__.'/sendlimit_error.inc.php';

/**
 * What admins have typed into the forms of limits, as the API takes it.
 *
 * Wrong input is sendlimit_error with the reason "error_...", a word of the language files.
 */
class sendlimit_form {

	const MAX = 1000000000000000;
	const REASON_MAX = 255;

	/** Return a limit; $kind: own (the number in $text) or unlimited (null). */
	public static function max(string $kind, string $text): ?int {
		if($kind == 'unlimited') return null;
		$text = trim($text);
		if(!preg_match('/^[0-9]{1,16}$/D', $text) || (int)$text > self::MAX) throw new sendlimit_error('error_max');
		return (int)$text;
	}

	/** Return the end of a boost, a local time of $zone, as a moment of the API; null: none was given. */
	public static function until(string $text, string $zone, int $now): ?string {
		$text = trim($text);
		if($text === '') return null;
		$at = DateTimeImmutable::createFromFormat('!Y-m-d H:i', $text, new DateTimeZone($zone));
		if($at === false || $at->format('Y-m-d H:i') !== $text || $at->getTimestamp() <= $now) throw new sendlimit_error('error_until');
		return $at->format(DATE_ATOM);
	}

	/** The other way round: what stands in the field. */
	public static function until_text(?string $moment, string $zone): string {
		if($moment === null) return '';
		return (new DateTimeImmutable($moment))->setTimezone(new DateTimeZone($zone))->format('Y-m-d H:i');
	}

	public static function reason(string $text): string {
		$text = trim($text);
		if((int)@iconv_strlen($text, 'UTF-8') > self::REASON_MAX) throw new sendlimit_error('error_reason');
		return $text;
	}

	/** A field as text: a client may post a list in its place. */
	public static function field(array $input, string $name): string {
		return isset($input[$name]) && is_string($input[$name]) ? $input[$name] : '';
	}

	/** The overrides of one limit among those of a subject, by kind: lasting and boost. */
	public static function overrides(array $rows, string $limit): array {
		$found = array('lasting' => null, 'boost' => null);
		foreach($rows as $row) {
			if($row['limit'] == $limit) $found[$row['until'] === null ? 'lasting' : 'boost'] = $row;
		}
		return $found;
	}

	/** The word that tells an admin why a change was not made. */
	public static function word(sendlimit_error $error): string {
		if(strpos($error->reason, 'error_') === 0) return $error->reason;
		if($error->reason == 'changed_meanwhile') return 'error_changed_meanwhile';
		return $error->reason == 'invalid' ? 'error_subject' : 'error_not_saved';
	}
}
