<?php

/**
 * A request to sendlimit that got no result.
 *
 * $reason says why, in the words of the API (docs/web.md), or: no_server (nothing is configured for
 * this mail server), no_curl, unreachable (no answer in time), bad_answer (not the API's).
 */
class sendlimit_error extends RuntimeException {

	public function __construct(public readonly string $reason, string $message = '') {
		parent::__construct($message === '' ? $reason : $message);
	}
}
