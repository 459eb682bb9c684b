<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// What this site asks of Igny8.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a request. Answers its data, or an error with a sentence for people.
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
	if ( $code >= 200 && $code < 300 && is_array( $found ) ) {
		return isset( $found['data'] ) && is_array( $found['data'] ) ? $found['data'] : array();
	}
	$said = is_array( $found ) && isset( $found['error'] ) ? (string) $found['error'] : '';
	foreach ( is_array( $found['details'] ?? null ) ? $found['details'] : array() as $name => $errors ) {
		$said .= " $name: " . implode( ' ', array_map( 'strval', is_array( $errors ) ? $errors : array( $errors ) ) );
	}
	if ( 401 === $code ) {
		$said = 'Igny8 does not know this ApiKey. Make a new one there and enter it here.';
	}
	$wait = (int) wp_remote_retrieve_header( $answer, 'retry-after' );
	return new \WP_Error(
		'igny8_refused',
		'' !== $said ? $said : "Something else than Igny8 answers at {$kept['base']} ($code). Check the address.",
		array(
			'status'      => $code,
			'retry_after' => $wait,
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
