<?php

/** The texts of the extension in one language. What is returned is plain text: pages escape it. */
class sendlimit_words {

	private array $words;

	/** $language: two letters; words that it lacks are English. */
	public function __construct(string $language) {
		$this->words = self::read('en');
		if($language != 'en') $this->words = array_merge($this->words, self::read($language));
	}

	private static function read(string $language): array {
		$wb = array();
		$file = dirname(__DIR__, 2).'/web/mail/lib/lang/'.basename($language).'_sendlimit.lng';
		if(is_file($file)) include $file;
		return $wb;
	}

	/** All words, by the names that templates use. */
	public function all(): array {
		return $this->words;
	}

	public function has(string $key): bool {
		return isset($this->words['sendlimit_'.$key.'_txt']);
	}

	/** A text with its {names} filled in; $key without "sendlimit_" and "_txt". */
	public function text(string $key, array $values = array()): string {
		$braced = array();
		foreach($values as $name => $value) $braced['{'.$name.'}'] = $value;
		return strtr($this->words['sendlimit_'.$key.'_txt'], $braced);
	}

	public function number(int $number): string {
		return number_format($number, 0, '', $this->text('thousands'));
	}

	/** A moment of the API, in the zone in which sendlimit counts. */
	public function moment(string $moment, string $zone): string {
		try {
			$at = new DateTimeImmutable($moment);
			return $at->setTimezone(new DateTimeZone($zone))->format($this->text('date_format'));
		} catch(Exception $error) {
			return $moment;
		}
	}

	/** "messages a day" of "mailbox.messages_per_day"; a limit of a newer release by its name. */
	public function unit(string $limit): string {
		if($limit == 'mailbox.suspended') return $this->text('suspended');
		$key = str_replace('_per_', '_', substr((string)strstr($limit, '.'), 1));
		return $this->words['sendlimit_'.$key.'_txt'] ?? $limit;
	}

	/** Whom a limit is for: "This mailbox", "All of example.org", "Whole server". */
	public function scope(string $limit, string $subject): string {
		$scope = strstr($limit, '.', true);
		if(!in_array($scope, array('mailbox', 'domain', 'global'))) return $subject;
		return $this->text('limit_for_'.$scope, array('name' => $subject));
	}

	/** Whom an override is for: "Each mailbox of example.org", or its subject. */
	public function whose(string $limit, string $subject): string {
		$scope = strstr($limit, '.', true);
		if($subject == '*') return $this->text($scope == 'global' ? 'limit_for_global' : ($scope == 'domain' ? 'each_domain' : 'each_mailbox'));
		$is_of_domain = $scope == 'mailbox' && strpos($subject, '@') === false;
		return $is_of_domain ? $this->text('each_mailbox_of', array('name' => $subject)) : $subject;
	}

	/** A limit of any mailbox, domain or server: "Mailbox: messages a day", with its number "Mailbox: 100 messages a day". */
	public function choice(string $limit, string $number = ''): string {
		$scope = $this->words['sendlimit_scope_'.strstr($limit, '.', true).'_txt'] ?? '';
		return $scope.': '.$number.$this->unit($limit);
	}
}
