<?php

/**
 * What sendlimit has answered about a mailbox, checked: other shapes than the API's are refused.
 */
class sendlimit_usage
{
    public string $subject;

    /** Whether it has been counted, or something is set for it. */
    public bool $known;

    /** Whether the next mail is refused. */
    public bool $refused;

    /** Whether limits hold at all: not while sendlimit observes, nor for an exempt mailbox. */
    public bool $observed;
    public bool $exempt;

    /** The limit that refuses, '' if none does; and the one that refuses mail to other servers only. */
    public string $over_limit;
    public string $external_over_limit;

    /** When sendlimit has answered, by its own clock. */
    public DateTimeImmutable $at;

    /** When sending works again, for each of the two; null: at no moment, or nothing is refused. */
    public ?DateTimeImmutable $resets_at;
    public ?DateTimeImmutable $external_resets_at;

    /**
     * The limits, each an array: scope, unit, window of the limit's name; max, used, or null;
     * period_end, boost_until; again_at, null if not known; and refusal: null, or at, max, times, sender, client, mailbox.
     *
     * @var array<string, array<string, mixed>>
     */
    public array $limits = [];

    private function __construct()
    {
    }

    /**
     * Takes the answer of /v1/usage.
     *
     * @throws UnexpectedValueException it is another thing
     */
    public static function read(mixed $answer): self
    {
        $usage = new self();
        $usage->subject = self::text($answer, 'subject');
        $usage->known = self::flag($answer, 'known');
        $usage->refused = self::flag($answer, 'refused');
        $usage->exempt = self::flag($answer, 'exempt');
        $usage->observed = self::text($answer, 'mode') === 'observe';
        $usage->over_limit = (string) self::optional($answer, 'over_limit', 'is_string');
        $usage->external_over_limit = (string) self::optional($answer, 'external_over_limit', 'is_string');
        $usage->at = self::moment($answer, 'at');
        $usage->resets_at = self::moment_or_null($answer, 'resets_at');
        $usage->external_resets_at = self::moment_or_null($answer, 'external_resets_at');
        foreach (self::value($answer, 'limits', 'is_array') as $limit) {
            $name = self::text($limit, 'limit');
            $usage->limits[$name] = self::limit($name, $limit);
            $usage->limits[$name]['again_at'] = $usage->again_at($name);
        }
        return $usage;
    }

    /**
     * Returns when a limit has all its room again. Of a window without periods, such as the last 24
     * hours, that is known only when it is used up.
     */
    private function again_at(string $name): ?DateTimeImmutable
    {
        if ($name === $this->over_limit) {
            return $this->resets_at;
        }
        if ($name === $this->external_over_limit) {
            return $this->external_resets_at;
        }
        $limit = $this->limits[$name];
        return str_starts_with($limit['window'], 'rolling_') ? null : $limit['period_end'];
    }

    /**
     * Returns the name of the limit that has refused a mail of this mailbox last, if that was just
     * now; null: none.
     */
    public function refused_by(int $just_now_s): ?string
    {
        $name = null;
        $last = $this->at->getTimestamp() - $just_now_s;
        foreach ($this->limits as $candidate => $limit) {
            $refusal = $limit['refusal'];
            $is_own = $refusal !== null && $refusal['mailbox'] === $this->subject;
            if ($is_own && $refusal['at']->getTimestamp() >= $last) {
                $name = $candidate;
                $last = $refusal['at']->getTimestamp();
            }
        }
        return $this->observed || $this->exempt ? null : $name;
    }

    private static function limit(string $name, array $limit): array
    {
        preg_match('/^(\w+)\.(?:(\w+)_per_(\w+)|(suspended))$/', $name, $parts);
        $row = self::optional($limit, 'override', 'is_array');
        $episode = self::optional($limit, 'last_episode', 'is_array');
        return [
            'scope' => $parts[1] ?? '',
            'unit' => $parts[4] ?? $parts[2] ?? '',
            'window' => $parts[3] ?? '',
            'max' => self::optional($limit, 'max', 'is_int'),
            'used' => self::optional($limit, 'used', 'is_int'),
            'period_end' => self::moment($limit, 'period_end'),
            'boost_until' => $row === null ? null : self::moment_or_null($row, 'until'),
            'refusal' => $episode === null ? null : [
                'at' => self::moment($episode, 'last_at'),
                'max' => self::value($episode, 'max', 'is_int'),
                'times' => self::value($episode, 'attempts', 'is_int'),
                'sender' => self::text($episode, 'last_sender'),
                'client' => self::text($episode, 'last_client_addr'),
                'mailbox' => self::text($episode, 'last_mailbox'),
            ],
        ];
    }

    private static function optional(mixed $from, string $key, callable $is): mixed
    {
        return isset($from[$key]) ? self::value($from, $key, $is) : null;
    }

    private static function value(mixed $from, string $key, callable $is): mixed
    {
        if (!is_array($from) || !array_key_exists($key, $from) || !$is($from[$key])) {
            throw new \UnexpectedValueException("no '{$key}' in the answer, or not as it should be");
        }
        return $from[$key];
    }

    private static function text(mixed $from, string $key): string
    {
        return self::value($from, $key, 'is_string');
    }

    private static function flag(mixed $from, string $key): bool
    {
        return self::value($from, $key, 'is_bool');
    }

    private static function moment(mixed $from, string $key): DateTimeImmutable
    {
        $text = self::text($from, $key);
        if (!preg_match('/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/', $text)) {
            throw new \UnexpectedValueException("'{$key}' is not a moment");
        }
        return new DateTimeImmutable($text);
    }

    private static function moment_or_null(mixed $from, string $key): ?DateTimeImmutable
    {
        return isset($from[$key]) ? self::moment($from, $key) : null;
    }
}
