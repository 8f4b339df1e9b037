<?php

require_once __DIR__ . '/lib/sendlimit_client.php';
require_once __DIR__ . '/lib/sendlimit_usage.php';
require_once __DIR__ . '/lib/sendlimit_words.php';

/**
 * Shows the sending limit of the mailbox in webmail, and says in the user's language why mail was refused.
 *
 * It only reads, and only about the mailbox that the user has logged in as. When sendlimit does not
 * answer, mail is written and sent as without the plugin.
 */
class sendlimit extends rcube_plugin
{
    public $task = 'mail|settings';

    /** A refusal in the database is that of the mail just sent when it is at most so old. */
    private const JUST_NOW_S = 10;

    /** How often, and how many microseconds apart, it is looked for: the daemon writes behind its replies. */
    private const TRIES = 4;
    private const PAUSE_US = 150000;

    private ?sendlimit_client $client = null;
    private ?sendlimit_words $words = null;

    /** Registers the hooks. */
    public function init()
    {
        $this->load_config('config.inc.php.dist');
        if (is_readable($this->home . '/config.inc.php')) {
            $this->load_config();
        }
        $this->add_hook('compose_objects', [$this, 'compose_objects']);
        $this->add_hook('message_send_error', [$this, 'message_send_error']);
        $this->add_hook('settings_actions', [$this, 'settings_actions']);
        $this->register_action('plugin.sendlimit', [$this, 'settings_page']);
    }

    /** Puts the line above the compose form. */
    public function compose_objects($args)
    {
        $usage = $this->usage();
        $line = $usage ? $this->words()->line($usage, $this->warn_at_percent()) : null;
        if ($line) {
            $this->include_stylesheet('sendlimit.css');
            $this->include_script('sendlimit.js');
            $args['content'][] = self::box($line, 'sendlimit-line');
        }
        return $args;
    }

    /** Replaces the error of a mail that a sending limit has refused. */
    public function message_send_error($args)
    {
        if (!self::is_temporary($args['error'] ?? null)) {
            return $args;
        }
        $refused_by = null;
        for ($try = 1; $try <= self::TRIES && $refused_by === null; $try++) {
            if ($try > 1) {
                usleep(self::PAUSE_US);
            }
            $usage = $this->usage();
            if (!$usage) {
                return $args;
            }
            $refused_by = $usage->refused_by(self::JUST_NOW_S);
        }
        // Not written in time: a limit that is reached has refused it all the same.
        $refused_by ??= $usage->refused ? $usage->over_limit : null;
        if ($refused_by !== null) {
            $args['error'] = $this->words()->refusal($usage, $refused_by);
            $this->refresh_line($usage, $refused_by);
        }
        return $args;
    }

    /** Adds the page to the list of settings. */
    public function settings_actions($args)
    {
        if ($this->mailbox() !== null) {
            $this->words(); // without them the label would be shown as it is
            $this->include_stylesheet('sendlimit.css');
            $args['actions'][] = [
                'action' => 'plugin.sendlimit',
                'class' => 'sendlimit',
                'label' => 'title',
                'title' => 'title',
                'domain' => 'sendlimit',
            ];
        }
        return $args;
    }

    /** Shows the page with bars and refusals. */
    public function settings_page()
    {
        $output = rcmail::get_instance()->output;
        $this->words();
        $this->include_stylesheet('sendlimit.css');
        $this->register_handler('plugin.body', [$this, 'settings_body']);
        $output->set_pagetitle($this->gettext('title'));
        $output->send('plugin');
    }

    /** Returns the HTML of that page. */
    public function settings_body()
    {
        $words = $this->words();
        $mailbox = $this->mailbox();
        $usage = $this->usage();
        $html = html::p(null, rcube::Q((string) $mailbox));
        foreach ($words->notes($usage) as $note) {
            $html .= self::box($note);
        }
        foreach ($usage ? $words->bars($usage, $this->warn_at_percent()) : [] as $bar) {
            $html .= self::bar($bar);
        }
        $refusals = $usage ? $words->refusals($usage) : [];
        if ($refusals) {
            $html .= html::tag('h3', null, rcube::Q($this->gettext('refusals')));
            $html .= $this->table($refusals);
        }
        $head = html::div(['class' => 'boxtitle'], rcube::Q($this->gettext('title')));
        return $head . html::div(
            ['id' => 'sendlimit-page', 'class' => 'formcontent scroller'],
            html::div('boxcontent', $html)
        );
    }

    private static function box(array $line, ?string $id = null): string
    {
        return html::div(
            ['id' => $id, 'class' => 'box' . $line['level'], 'role' => 'status'],
            html::span(null, rcube::Q($line['text']))
        );
    }

    private static function bar(array $bar): string
    {
        $html = html::div('sendlimit-name', rcube::Q($bar['name']))
            . html::div('sendlimit-value', rcube::Q($bar['value']));
        if ($bar['percent'] !== null) {
            $attributes = ['class' => $bar['level'], 'value' => $bar['percent'], 'max' => 100];
            $attributes['aria-label'] = $bar['name'] . ': ' . $bar['value'];
            $html .= html::tag('progress', $attributes, '', ['class', 'value', 'max', 'aria-label']);
        }
        $html .= html::div('sendlimit-hint', rcube::Q($bar['hint']));
        return html::div('sendlimit-limit', $html);
    }

    private function table(array $refusals): string
    {
        $columns = ['when', 'limit', 'times', 'sender', 'client'];
        $table = new html_table(['class' => 'records-table sendlimit-refusals', 'cols' => count($columns)]);
        foreach ($columns as $column) {
            $table->add_header(null, rcube::Q($this->gettext('refusal_' . $column)));
        }
        foreach ($refusals as $refusal) {
            foreach ($columns as $column) {
                $label = $this->gettext('refusal_' . $column);
                $table->add(['data-label' => $label], rcube::Q($refusal[$column]));
            }
        }
        return $table->show();
    }

    /**
     * Shows in the form, which stays open, that the limit is reached.
     *
     * Another limit may seem to be reached while the mail that was refused is given back.
     */
    private function refresh_line(sendlimit_usage $usage, string $refused_by): void
    {
        $line = $this->words()->line($usage, $this->warn_at_percent());
        if ($line && $usage->refused && $usage->over_limit === $refused_by) {
            rcmail::get_instance()->output->command('plugin.sendlimit_line', $line);
        }
    }

    /** Tells whether an SMTP error has a reply code 4yz. */
    private static function is_temporary($error): bool
    {
        $vars = is_array($error) ? ($error['vars'] ?? []) : [];
        // At the end of the message, Roundcube has the code in the text: "[450] 4.7.1 ...".
        $code = $vars['code'] ?? ltrim((string) ($vars['msg'] ?? ''), '[');
        return preg_match('/^4\d\d\b/', (string) $code) === 1;
    }

    /**
     * Returns the mailbox that the milter counts: the login at the SMTP server.
     *
     * Never an identity, which users write themselves. Without "@" it is not known what a login is
     * counted as, and an empty smtp_user is not counted at all: null.
     */
    private function mailbox(): ?string
    {
        $rcmail = rcmail::get_instance();
        $login = str_replace(
            '%u',
            (string) $rcmail->get_user_name(),
            (string) $rcmail->config->get('smtp_user', '%u')
        );
        $at = strrpos($login, '@');
        return $at === false || $at === 0 || $at === strlen($login) - 1 ? null : mb_strtolower($login);
    }

    private function usage(): ?sendlimit_usage
    {
        $mailbox = $this->mailbox();
        return $mailbox === null ? null : $this->client()->usage($mailbox);
    }

    private function client(): sendlimit_client
    {
        return $this->client ??= new sendlimit_client(rcmail::get_instance());
    }

    private function words(): sendlimit_words
    {
        if (!$this->words) {
            $this->add_texts('localization/');
            $this->words = new sendlimit_words($this, rcmail::get_instance());
        }
        return $this->words;
    }

    private function warn_at_percent(): int
    {
        return (int) rcmail::get_instance()->config->get('sendlimit_warn_at_percent', 80);
    }
}
