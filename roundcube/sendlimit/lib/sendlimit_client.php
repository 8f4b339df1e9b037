<?php

/**
 * Asks sendlimit's HTTP API for the usage of a mailbox.
 *
 * A page waits at most sendlimit_timeout for it. After a failure sendlimit is left alone for AWAY_S in this
 * session, so that only one page has waited.
 */
class sendlimit_client
{
    private const CONNECT_TIMEOUT_S = 0.3;
    private const AWAY_S = 60;
    private const BODY_MAX = 262144;

    private rcmail $rcmail;

    public function __construct(rcmail $rcmail)
    {
        $this->rcmail = $rcmail;
    }

    /** Returns the usage of a mailbox now; null: sendlimit does not answer, which is in the log. */
    public function usage(string $mailbox): ?sendlimit_usage
    {
        if (($_SESSION['sendlimit_away_until'] ?? 0) > time()) {
            return null;
        }
        try {
            $usage = sendlimit_usage::read($this->ask('/v1/usage/' . rawurlencode($mailbox)));
            unset($_SESSION['sendlimit_away_until']);
            return $usage;
        } catch (\Throwable $problem) {
            $_SESSION['sendlimit_away_until'] = time() + self::AWAY_S;
            rcube::raise_error(
                [
                    'code' => 500,
                    'file' => __FILE__,
                    'line' => __LINE__,
                    'message' => 'sendlimit does not answer, mail is not affected: ' . self::one_line($problem),
                ],
                true,
                false
            );
            return null;
        }
    }

    private function ask(string $target): mixed
    {
        $response = $this->http()->request('GET', $target);
        if ($response->getStatusCode() !== 200) {
            throw new \RuntimeException('HTTP status ' . $response->getStatusCode());
        }
        return json_decode((string) $response->getBody(), true, 32, JSON_THROW_ON_ERROR);
    }

    private function http(): \GuzzleHttp\Client
    {
        $config = $this->rcmail->config;
        if (!extension_loaded('curl')) {
            throw new \RuntimeException('PHP has no curl; install php-curl');
        }
        $socket = (string) $config->get('sendlimit_socket');
        $url = (string) $config->get('sendlimit_url');
        if ($socket === '' && $url === '') {
            throw new \RuntimeException('set sendlimit_socket or sendlimit_url in its config.inc.php');
        }
        $token = (string) $config->get('sendlimit_token');
        $curl = [
            CURLOPT_NOPROGRESS => false,
            CURLOPT_PROGRESSFUNCTION => fn ($handle, $size, $received) => $received > self::BODY_MAX ? 1 : 0,
        ];
        if ($socket !== '') {
            $curl[CURLOPT_UNIX_SOCKET_PATH] = $socket;
        }
        return $this->rcmail->get_http_client([
            'base_uri' => $socket === '' ? $url : 'http://localhost',
            'connect_timeout' => self::CONNECT_TIMEOUT_S,
            'timeout' => (float) $config->get('sendlimit_timeout'),
            'http_errors' => false,
            'allow_redirects' => false,
            'decode_content' => false,
            'proxy' => '', // else http_proxy would get requests to this host, and the token
            'headers' => $socket === '' && $token !== '' ? ['Authorization' => "Bearer {$token}"] : [],
            'curl' => $curl,
        ]);
    }

    private static function one_line(\Throwable $problem): string
    {
        $text = preg_replace('/[^\x20-\x7e]+/', ' ', $problem->getMessage());
        return substr((string) $text, 0, 300);
    }
}
