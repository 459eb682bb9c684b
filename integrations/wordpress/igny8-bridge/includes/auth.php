<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// Requests of Igny8 carry no password but a signature, in a header that no web server strips.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

const CLOCK_TOLERANCE = 300;

add_filter( 'determine_current_user', __NAMESPACE__ . '\signed_user', 30 );
add_filter( 'rest_authentication_errors', __NAMESPACE__ . '\signed_errors', 20 );

/**
 * Judges the request once: a user id, an error code, or null for a request that is not signed.
 *
 * Signed are "igny8-request", the time, the method, the address as it was asked for and the hash of the body.
 *
 * @return int|string|null
 */
function judged() {
	static $judgement = false;
	if ( false !== $judgement ) {
		return $judgement;
	}
	$signature = (string) ( $_SERVER['HTTP_X_IGNY8_SIGNATURE'] ?? '' );
	if ( '' === $signature ) {
		return $judgement = null;
	}
	$kept = options();
	if ( '' === $kept['secret'] ) {
		return $judgement = 'not_connected';
	}
	$time  = (string) ( $_SERVER['HTTP_X_IGNY8_TIMESTAMP'] ?? '' );
	$lines = array(
		'igny8-request',
		$time,
		$_SERVER['REQUEST_METHOD'] ?? '',
		$_SERVER['REQUEST_URI'] ?? '',
		hash( 'sha256', (string) file_get_contents( 'php://input' ) ),
	);
	if ( ! hash_equals( 'sha256=' . hash_hmac( 'sha256', implode( "\n", $lines ), $kept['secret'] ), $signature ) ) {
		return $judgement = 'signature';
	}
	if ( abs( time() - (int) $time ) > CLOCK_TOLERANCE ) {
		return $judgement = 'clock';
	}
	if ( ! $kept['user_id'] || ! get_userdata( $kept['user_id'] ) ) {
		return $judgement = 'user';
	}
	return $judgement = (int) $kept['user_id'];
}

/** Whether Igny8 itself is asking. */
function is_ours() {
	return is_int( judged() );
}

function signed_user( $user_id ) {
	return ! $user_id && is_ours() ? judged() : $user_id;
}

function signed_errors( $result ) {
	$judgement = judged();
	if ( ! empty( $result ) || ! is_string( $judgement ) ) {
		return $result;
	}
	$said = array(
		'not_connected' => 'The plugin is not connected to Igny8.',
		'signature'     => 'The signature does not fit.',
		'clock'         => 'The clock of this server reads ' . gmdate( 'Y-m-d H:i:s' ) . ' UTC.',
		'user'          => 'The user whom articles are published as does not exist any more.',
	);
	return new \WP_Error( "igny8_$judgement", $said[ $judgement ], array( 'status' => 401 ) );
}
