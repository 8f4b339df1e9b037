<?php

/**
 * What users read, in their language, with the times of their time zone. Of the limits of the domain
 * and the server, which others use too, only that they are reached; no numbers.
 */
class sendlimit_words
{
    /** Up to so many seconds ahead, a time of day says enough: a day, and the hour of a clock change. */
    private const CLOCK_ONLY_S = 90000;

    /** What is counted, and for how long; others, of a newer sendlimit, are not shown. */
    private const UNITS = ['messages', 'recipients', 'external_messages', 'external_recipients'];
    private const WINDOWS = ['minute', 'hour', 'day', 'month', 'rolling_hour', 'rolling_day', 'message'];

    private rcube_plugin $plugin;
    private rcmail $rcmail;

    public function __construct(rcube_plugin $plugin, rcmail $rcmail)
    {
        $this->plugin = $plugin;
        $this->rcmail = $rcmail;
    }

    /**
     * Returns the line of the compose screen: level, which is "information", "warning" or "error",
     * and text; null: there is nothing to say.
     */
    public function line(sendlimit_usage $usage, int $warn_at_percent): ?array
    {
        if (!$usage->known || $usage->exempt || $usage->observed) {
            return null;
        }
        if ($usage->refused) {
            $reached = $this->reached($usage);
            return $this->say('error', $reached['label'], $reached['vars']);
        }
        $tightest = null;
        foreach (self::own($usage) as $limit) {
            if ($limit['max'] === null || $limit['used'] === null) {
                continue;
            }
            if (!$tightest || self::percent($limit) > self::percent($tightest)) {
                $tightest = $limit;
            }
        }
        if (!$tightest) {
            return null;
        }
        $level = self::level($tightest, $warn_at_percent);
        return $this->say($level, 'used_' . $tightest['unit'], $this->vars($tightest, $usage));
    }

    /**
     * Returns label and vars of the error for a mail that was refused, as Roundcube wants it.
     *
     * @param string $name of the limit that has refused it
     */
    public function refusal(sendlimit_usage $usage, string $name): array
    {
        $is_reached = $usage->refused && $usage->over_limit === $name;
        return $is_reached ? $this->reached($usage) : $this->too_many($usage->limits[$name], $usage);
    }

    /** Returns what is to be said above the bars: level and text of each. */
    public function notes(?sendlimit_usage $usage): array
    {
        if (!$usage) {
            return [$this->say('warning', 'away')];
        }
        if ($usage->exempt) {
            return [$this->say('information', 'exempt')];
        }
        if ($usage->observed) {
            return [$this->say('information', 'observed')];
        }
        if ($usage->refused) {
            $reached = $this->reached($usage);
            return [$this->say('error', $reached['label'], $reached['vars'])];
        }
        return $usage->known ? [] : [$this->say('information', 'unknown')];
    }

    /** Returns a bar for each own limit: name, value, percent or null, level, hint. */
    public function bars(sendlimit_usage $usage, int $warn_at_percent): array
    {
        $bars = [];
        foreach (self::own($usage) as $limit) {
            $until = $limit['boost_until'];
            $boost = $until ? $this->text('boost', ['time' => $this->time($until, $usage->at)]) : '';
            $again = $this->again($limit, $usage);
            $value = $this->number($limit['max']);
            if ($limit['used'] !== null) {
                $value = $this->text($limit['max'] === null ? 'unlimited' : 'of', $this->vars($limit, $usage));
            }
            $has_bar = $limit['used'] !== null && $limit['max'] !== null;
            $bars[] = [
                'name' => $this->name($limit),
                'value' => $value,
                'percent' => $has_bar ? min(100, self::percent($limit)) : null,
                'level' => $has_bar ? self::level($limit, $warn_at_percent) : '',
                'hint' => implode(', ', array_filter([$again, $boost])),
            ];
        }
        return $bars;
    }

    /** Returns the last refusals of this mailbox, the last first: when, limit, times, sender, client. */
    public function refusals(sendlimit_usage $usage): array
    {
        $found = [];
        foreach ($usage->limits as $limit) {
            $refusal = $limit['refusal'];
            if ($refusal === null || $refusal['mailbox'] !== $usage->subject || !self::is_shown($limit)) {
                continue; // of a limit that others share, the last one may be of another's mail
            }
            $is_own = $limit['scope'] === 'mailbox';
            $found[$refusal['at']->getTimestamp() . $this->name($limit)] = [
                'when' => $this->date($refusal['at']),
                'limit' => $is_own ? $this->value_and_name($refusal['max'], $limit) : $this->name($limit),
                'times' => $is_own ? $this->number($refusal['times']) : '',
                'sender' => $refusal['sender'] === '' ? '<>' : $refusal['sender'],
                'client' => $refusal['client'],
            ];
        }
        krsort($found, SORT_NATURAL);
        return array_values($found);
    }

    /** Returns label and vars for the limit that refuses every mail now. */
    private function reached(sendlimit_usage $usage): array
    {
        $limit = $usage->limits[$usage->over_limit] ?? null;
        if (!$limit || !self::is_shown($limit)) {
            return ['label' => 'sendlimit.reached', 'vars' => []];
        }
        if ($limit['unit'] === 'suspended') {
            return ['label' => 'sendlimit.suspended', 'vars' => []];
        }
        $is_off = !$usage->resets_at;
        $kind = $limit['scope'] === 'mailbox' && !$is_off ? 'mailbox_' . $limit['unit'] : $limit['scope'];
        return [
            'label' => 'sendlimit.' . ($is_off ? 'off_' : 'reached_') . $kind,
            'vars' => $this->vars($limit, $usage),
        ];
    }

    /** Returns label and vars for a limit that has refused a mail and is not reached now. */
    private function too_many(array $limit, sendlimit_usage $usage): array
    {
        if ($limit['unit'] === 'suspended' || !self::is_shown($limit)) {
            $label = $limit['unit'] === 'suspended' ? 'suspended' : 'reached';
            return ['label' => "sendlimit.{$label}", 'vars' => []];
        }
        if ($limit['window'] === 'message') {
            $max = $this->number($limit['refusal']['max']);
            return ['label' => 'sendlimit.too_many', 'vars' => ['max' => $max]];
        }
        if ($limit['scope'] !== 'mailbox') {
            return ['label' => 'sendlimit.reached_' . $limit['scope'], 'vars' => $this->vars($limit, $usage)];
        }
        if ($limit['max'] !== null && $limit['used'] >= $limit['max']) { // of mail to other servers
            $label = 'reached_mailbox_' . $limit['unit'];
        } elseif (str_contains($limit['unit'], 'recipients')) {
            $label = 'left_' . $limit['unit'];
        } else { // messages count one by one: it was reached, and its period has ended since
            $label = 'reached';
        }
        return ['label' => "sendlimit.{$label}", 'vars' => $this->vars($limit, $usage)];
    }

    /** Returns what the texts about a limit name. */
    private function vars(array $limit, sendlimit_usage $usage): array
    {
        $again = $this->again($limit, $usage);
        return [
            'used' => $this->number($limit['used']),
            'max' => $this->number($limit['max']),
            'left' => $this->number(max(0, (int) $limit['max'] - (int) $limit['used'])),
            'window' => $limit['window'] === '' ? '' : $this->text('window_' . $limit['window']),
            'again' => $again === '' ? '' : ", {$again}",
        ];
    }

    /** Says when a limit has room again; '' where that is not known, or there is nothing to count. */
    private function again(array $limit, sendlimit_usage $usage): string
    {
        $is_counted = $limit['again_at'] && $limit['used'] !== null;
        return $is_counted ? $this->text('again', ['time' => $this->time($limit['again_at'], $usage->at)]) : '';
    }

    private function say(string $level, string $label, array $vars = []): array
    {
        $text = $this->text(preg_replace('/^sendlimit\./', '', $label), $vars);
        return ['level' => $level, 'text' => mb_strtoupper(mb_substr($text, 0, 1)) . mb_substr($text, 1)];
    }

    private function name(array $limit): string
    {
        if ($limit['scope'] !== 'mailbox' || $limit['unit'] === 'suspended') {
            return $this->text('limit_' . ($limit['unit'] === 'suspended' ? 'suspended' : $limit['scope']));
        }
        return $this->text('unit_' . $limit['unit']) . ' ' . $this->text('per_' . $limit['window']);
    }

    private function value_and_name(int $max, array $limit): string
    {
        return $limit['unit'] === 'suspended' ? $this->name($limit) : $this->name($limit) . ': ' . $this->number($max);
    }

    private function text(string $label, array $vars = []): string
    {
        return $this->plugin->gettext(['name' => $label, 'vars' => $vars]);
    }

    private function number(?int $number): string
    {
        if ($number === null) {
            return '';
        }
        $language = $_SESSION['language'] ?? 'en_US';
        $format = class_exists('NumberFormatter') ? NumberFormatter::create($language, NumberFormatter::DECIMAL) : null;
        return $format ? (string) $format->format($number) : (string) $number;
    }

    /** Writes a moment that comes, in the user's time zone; without the day when it is near. */
    private function time(DateTimeImmutable $moment, DateTimeImmutable $now): string
    {
        $clock = $this->rcmail->config->get('time_format', 'H:i');
        $is_near = self::seconds($now, $moment) <= self::CLOCK_ONLY_S;
        return $is_near ? $this->rcmail->format_date($moment, $clock) : $this->date($moment);
    }

    private function date(DateTimeImmutable $moment): string
    {
        $config = $this->rcmail->config;
        $format = $config->get('date_format', 'Y-m-d') . ' ' . $config->get('time_format', 'H:i');
        return $this->rcmail->format_date($moment, $format);
    }

    /** Returns the limits of the mailbox itself; suspension, which has no number, is none. */
    private static function own(sendlimit_usage $usage): array
    {
        return array_filter(
            $usage->limits,
            fn ($limit) => $limit['scope'] === 'mailbox' && $limit['unit'] !== 'suspended' && self::is_shown($limit)
        );
    }

    private static function is_shown(array $limit): bool
    {
        return $limit['unit'] === 'suspended'
            || (in_array($limit['unit'], self::UNITS, true) && in_array($limit['window'], self::WINDOWS, true));
    }

    private static function percent(array $limit): int
    {
        return $limit['max'] > 0 ? intdiv(100 * $limit['used'], $limit['max']) : 100;
    }

    private static function level(array $limit, int $warn_at_percent): string
    {
        $percent = self::percent($limit);
        if ($percent >= 100) {
            return 'error';
        }
        return $percent >= $warn_at_percent ? 'warning' : 'information';
    }

    private static function seconds(DateTimeImmutable $from, DateTimeImmutable $to): int
    {
        return $to->getTimestamp() - $from->getTimestamp();
    }
}
