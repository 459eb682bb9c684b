<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// Requests of Igny8 carry no password but a signature, in a header that no web server strips, and are good once.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

const CLOCK_TOLERANCE = 300;

add_filter( 'determine_current_user', __NAMESPACE__ . '\signed_user', 30 );
add_filter( 'rest_authentication_errors', __NAMESPACE__ . '\signed_errors', 20 );

/**
 * A signature, in either direction: `$word` and who asks what of whom, when, under which name that is used once.
 *
 * @param string $word igny8-request for what Igny8 asks, igny8-event for what is told to it.
 * @param string $host With its port, where that is not the scheme's own.
 * @param string $path With its query.
 * @return string
 */
function signature( $secret, $word, $time, $nonce, $method, $host, $path, $body ) {
	$lines = array( $word, $time, $nonce, $method, $host, $path, hash( 'sha256', $body ) );
	return 'v2=' . hash_hmac( 'sha256', implode( "\n", $lines ), $secret );
}

/** The host of an address as signatures name it: in small letters, with its port where that is not the scheme's own. */
function host_of( $address ) {
	$parts = wp_parse_url( strtolower( $address ) );
	$host  = (string) ( $parts['host'] ?? '' );
	if ( preg_match( '/[^\x20-\x7e]/', $host ) && function_exists( 'idn_to_ascii' ) ) {
		$host = (string) idn_to_ascii( $host );
	}
	$port = (int) ( $parts['port'] ?? 0 );
	return $host . ( in_array( $port, array( 0, 80, 443 ), true ) ? '' : ":$port" );
}

/**
 * Judges the request once: a user id, an error code, or null for a request that is not signed.
 *
 * @return int|string|null
 */
function judged() {
	static $judgement = false;
	if ( false !== $judgement ) {
		return $judgement;
	}
	$given = (string) ( $_SERVER['HTTP_X_IGNY8_SIGNATURE'] ?? '' );
	if ( '' === $given ) {
		return $judgement = null;
	}
	$kept = options();
	if ( '' === $kept['secret'] ) {
		return $judgement = 'not_connected';
	}
	$time  = (string) ( $_SERVER['HTTP_X_IGNY8_TIMESTAMP'] ?? '' );
	$nonce = (string) ( $_SERVER['HTTP_X_IGNY8_NONCE'] ?? '' );
	$body  = (string) file_get_contents( 'php://input' );
	$fits  = static function ( $host ) use ( $kept, $time, $nonce, $body, $given ) {
		$method = $_SERVER['REQUEST_METHOD'] ?? '';
		$path   = $_SERVER['REQUEST_URI'] ?? '';
		return hash_equals( signature( $kept['secret'], 'igny8-request', $time, $nonce, $method, $host, $path, $body ), $given );
	};
	// Not the host that the request names: who repeats it elsewhere, as at a copy of this site, could name any.
	if ( ! $fits( host_of( home_url() ) ) && ! $fits( host_of( site_url() ) ) ) {
		return $judgement = $fits( host_of( 'http://' . ( $_SERVER['HTTP_HOST'] ?? '' ) ) ) ? 'host' : 'signature';
	}
	if ( abs( time() - (int) $time ) > CLOCK_TOLERANCE ) {
		return $judgement = 'clock';
	}
	if ( ! $kept['user_id'] || ! get_userdata( $kept['user_id'] ) ) {
		return $judgement = 'user';
	}
	$refused = nonce_take( $nonce, (int) $time + CLOCK_TOLERANCE );
	return $judgement = '' !== $refused ? $refused : (int) $kept['user_id'];
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
		'host'          => 'The request was made for another address than this site has: ' . home_url() . '.',
		'clock'         => 'The clock of this server reads ' . gmdate( 'Y-m-d H:i:s' ) . ' UTC.',
		'user'          => 'The user whom articles are published as does not exist any more.',
		'repeated'      => 'This request came before.',
		'store'         => 'The database of this site takes no writes.',
	);
	return new \WP_Error(
		"igny8_$judgement",
		$said[ $judgement ],
		array(
			'status'  => 'store' === $judgement ? 503 : 401,
			'version' => VERSION,
		)
	);
}

function nonce_table() {
	global $wpdb;
	return $wpdb->prefix . 'igny8_bridge_nonces';
}

/** The table of what came while it is good. Not transients: of two at once both would find none. */
function nonce_create() {
	global $wpdb;
	require_once ABSPATH . 'wp-admin/includes/upgrade.php';
	$table = nonce_table();
	dbDelta(
		"CREATE TABLE $table (
		nonce char(32) NOT NULL,
		good_until int unsigned NOT NULL,
		PRIMARY KEY  (nonce),
		KEY good_until (good_until)
		) {$wpdb->get_charset_collate()};"
	);
}

/** Uses a nonce up. Empty, or the code of why it can not be used. */
function nonce_take( $nonce, $good_until ) {
	global $wpdb;
	if ( ! preg_match( '/^[0-9a-f]{32}$/', $nonce ) ) {
		return 'signature';
	}
	$table = nonce_table();
	// phpcs:disable
	if ( '0' === $nonce[0] ) { // one in sixteen tidies up
		$wpdb->query( $wpdb->prepare( "DELETE FROM $table WHERE good_until < %d", time() ) );
	}
	$taken = $wpdb->query( $wpdb->prepare( "INSERT IGNORE INTO $table (nonce, good_until) VALUES (%s, %d)", $nonce, $good_until ) );
	// phpcs:enable
	return false === $taken ? 'store' : ( 1 === (int) $taken ? '' : 'repeated' );
}
