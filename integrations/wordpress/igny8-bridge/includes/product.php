<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// What this site asks of Igny8.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

// By them an error of Igny8 is told from JSON of whoever else may answer.
const CODES = array(
	'VALIDATION_ERROR',
	'NOT_AUTHENTICATED',
	'PERMISSION_DENIED',
	'NOT_FOUND',
	'METHOD_NOT_ALLOWED',
	'CONFLICT',
	'PAYLOAD_TOO_LARGE',
	'UNSUPPORTED_MEDIA_TYPE',
	'RATE_LIMITED',
	'INTERNAL_ERROR',
	'UPSTREAM_ERROR',
	'SERVICE_UNAVAILABLE',
);

/**
 * Sends a request. Answers its data, or an error with a sentence for people: its data say whether Igny8 itself has
 * refused it (`is_ours`).
 *
 * @param string $method  GET or POST.
 * @param string $path    Below /api/v1/.
 * @param string $body    JSON, as it is sent.
 * @param array  $headers More headers.
 * @return array|\WP_Error
 */
function product_ask( $method, $path, $body = '', array $headers = array(), $timeout = 30 ) {
	$kept   = options();
	$answer = wp_remote_request(
		"{$kept['base']}/api/v1/$path",
		array(
			'method'      => $method,
			'timeout'     => $timeout,
			'redirection' => 0, // A redirected POST becomes a GET.
			'body'        => $body,
			'headers'     => $headers + array(
				'Authorization' => "ApiKey {$kept['api_key']}",
				'Content-Type'  => 'application/json',
				'Accept'        => 'application/json',
			),
		)
	);
	if ( is_wp_error( $answer ) ) {
		return new \WP_Error( 'igny8_unreachable', 'Igny8 can not be reached: ' . $answer->get_error_message() );
	}
	$code  = (int) wp_remote_retrieve_response_code( $answer );
	$found = json_decode( wp_remote_retrieve_body( $answer ), true );
	$found = is_array( $found ) ? $found : array();
	if ( $code >= 200 && $code < 300 && true === ( $found['success'] ?? null ) && is_array( $found['data'] ?? null ) ) {
		return $found['data'];
	}
	$is_ours = false === ( $found['success'] ?? null ) && is_string( $found['error'] ?? null ) && in_array( $found['code'] ?? '', CODES, true );
	$said    = $is_ours ? $found['error'] : "Something else than Igny8 answered at {$kept['base']} ($code): a proxy, a firewall, or another site. Check the address.";
	foreach ( $is_ours && is_array( $found['details'] ?? null ) ? $found['details'] : array() as $name => $errors ) {
		$said .= " $name: " . implode( ' ', array_map( 'strval', array_filter( (array) $errors, 'is_scalar' ) ) );
	}
	if ( $is_ours && 401 === $code ) {
		$said = 'Igny8 does not know this ApiKey. Make a new one there and enter it here.';
	}
	return new \WP_Error(
		'igny8_refused',
		$said,
		array(
			'status'      => $code,
			'is_ours'     => $is_ours,
			'retry_after' => (int) wp_remote_retrieve_header( $answer, 'retry-after' ),
		)
	);
}

/** Connects the site of the ApiKey to this WordPress; the answer's secret signs in both directions. */
function product_connect() {
	$kept  = options();
	$user  = get_userdata( $kept['user_id'] );
	$found = product_ask(
		'POST',
		'integration/',
		wp_json_encode(
			array(
				'platform'       => 'wordpress',
				'auth_method'    => 'plugin',
				'base_url'       => home_url(),
				'username'       => $user ? $user->user_login : '',
				'plugin_version' => VERSION,
				'is_active'      => true,
			)
		)
	);
	if ( ! is_wp_error( $found ) && empty( $found['signing_secret'] ) ) {
		$found = new \WP_Error( 'igny8_refused', "What answers at {$kept['base']} is not Igny8. Check the address." );
	}
	if ( is_wp_error( $found ) ) {
		return product_state( $found );
	}
	if ( (int) $found['id'] !== $kept['integration_id'] ) {
		queue_empty();
	}
	options_save(
		array(
			'secret'         => (string) $found['signing_secret'],
			'integration_id' => (int) $found['id'],
		)
	);
	return product_test();
}

/** Lets Igny8 look at this site, and keeps what it says. */
function product_test() {
	$kept  = options();
	$found = product_ask( 'POST', "integration/{$kept['integration_id']}/test_connection/", '{}', array(), 90 );
	return product_state( $found );
}

/** Tells Igny8 to publish here no more, and forgets the secret. */
function product_disconnect() {
	$found = product_ask( 'POST', 'integration/', wp_json_encode( array( 'is_active' => false ) ) );
	queue_empty();
	options_save(
		array(
			'secret'         => '',
			'integration_id' => 0,
			'state'          => array(),
		)
	);
	return $found;
}

function product_state( $found ) {
	$ok = ! is_wp_error( $found ) && ! empty( $found['connected'] );
	options_save(
		array(
			'state' => array(
				'ok'      => $ok,
				'message' => is_wp_error( $found ) ? $found->get_error_message() : (string) ( $found['message'] ?? '' ),
				'at'      => time(),
			),
		)
	);
	return $ok;
}
