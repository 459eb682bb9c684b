<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// Events wait in a table of their own until Igny8 has taken them: a site that is told nothing loses nothing.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

const MAX_ATTEMPTS = 14; // The last about three days after the first.
const KEPT_DAYS    = 7;

add_filter( 'cron_schedules', __NAMESPACE__ . '\every_five_minutes' ); // phpcs:ignore
add_action( 'igny8_bridge_deliver', __NAMESPACE__ . '\queue_deliver' );
add_action( 'shutdown', __NAMESPACE__ . '\queue_on_page_load', 20 );

function every_five_minutes( $schedules ) {
	$schedules['igny8_five_minutes'] = array(
		'interval' => 300,
		'display'  => 'Every five minutes',
	);
	return $schedules;
}

function queue_table() {
	global $wpdb;
	return $wpdb->prefix . 'igny8_bridge_events';
}

function queue_create() {
	global $wpdb;
	require_once ABSPATH . 'wp-admin/includes/upgrade.php';
	$table = queue_table();
	dbDelta(
		"CREATE TABLE $table (
		id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
		event_id char(36) NOT NULL,
		event varchar(40) NOT NULL,
		post_id bigint(20) unsigned NOT NULL,
		body longtext NOT NULL,
		state varchar(10) NOT NULL DEFAULT 'waiting',
		attempts smallint unsigned NOT NULL DEFAULT 0,
		next_at int unsigned NOT NULL,
		error varchar(300) NOT NULL DEFAULT '',
		created_at int unsigned NOT NULL,
		PRIMARY KEY  (id),
		UNIQUE KEY event_id (event_id),
		KEY due (state, next_at)
		) {$wpdb->get_charset_collate()};"
	);
}

/** Keeps an event until it is told. */
function queue_add( $event, $post_id, array $body ) {
	global $wpdb;
	$body['event_id'] = wp_generate_uuid4();
	$wpdb->insert(
		queue_table(),
		array(
			'event_id'   => $body['event_id'],
			'event'      => $event,
			'post_id'    => $post_id,
			'body'       => wp_json_encode( $body ),
			'next_at'    => time(),
			'created_at' => time(),
		)
	);
	update_option( DUE, time(), true ); // Loaded with every page, so that a page with nothing to tell asks nothing.
}

/** After the page was sent: what cron has not told yet. */
function queue_on_page_load() {
	$due = (int) get_option( DUE, 0 );
	if ( ! $due || $due > time() || wp_installing() ) {
		return;
	}
	if ( function_exists( 'fastcgi_finish_request' ) ) {
		fastcgi_finish_request();
	} elseif ( function_exists( 'litespeed_finish_request' ) ) {
		litespeed_finish_request();
	}
	queue_deliver( 5, 4 );
}

/**
 * Tells Igny8 what is due, the oldest first. One process at a time.
 *
 * @param int $limit   How many at most.
 * @param int $timeout Seconds for each.
 */
function queue_deliver( $limit = 50, $timeout = 15 ) {
	global $wpdb;
	$kept  = options();
	$table = queue_table();
	$limit = (int) $limit ? (int) $limit : 50; // Cron hands on an empty string.
	if ( '' === $kept['secret'] ) {
		return;
	}
	$lock = substr( "igny8_bridge_$table", 0, 64 );
	if ( '1' !== $wpdb->get_var( $wpdb->prepare( 'SELECT GET_LOCK(%s, 0)', $lock ) ) ) {
		return;
	}
	// phpcs:disable
	$rows = $wpdb->get_results( $wpdb->prepare(
		"SELECT * FROM $table e WHERE state = 'waiting' AND next_at <= %d AND NOT EXISTS (
			SELECT 1 FROM $table o WHERE o.state = 'waiting' AND o.post_id = e.post_id AND o.id < e.id AND o.next_at > %d
		) ORDER BY id LIMIT %d", time(), time(), $limit
	) ); // What happened to one post is told in its order.
	foreach ( $rows as $row ) {
		$fields = queue_sent( $row, $timeout );
		$wpdb->update( $table, $fields, array( 'id' => $row->id ) );
		if ( 'waiting' === $fields['state'] ) {
			break; // The others would fare no better.
		}
	}
	$wpdb->query( $wpdb->prepare(
		"DELETE FROM $table WHERE state <> 'waiting' AND created_at < %d", time() - KEPT_DAYS * DAY_IN_SECONDS
	) );
	$next = (int) $wpdb->get_var( "SELECT MIN(next_at) FROM $table WHERE state = 'waiting'" );
	// phpcs:enable
	update_option( DUE, $next, true );
	$wpdb->get_var( $wpdb->prepare( 'SELECT RELEASE_LOCK(%s)', $lock ) );
}

/** Sends one event; answers what its row becomes. */
function queue_sent( $row, $timeout ) {
	$kept  = options();
	$time  = (string) time();
	$found = product_ask(
		'POST',
		'integration/webhook/wordpress/',
		$row->body,
		array(
			'X-Igny8-Timestamp' => $time,
			'X-Igny8-Signature' => 'sha256=' . hash_hmac( 'sha256', "$time.{$row->body}", $kept['secret'] ),
		),
		$timeout
	);
	$attempts = (int) $row->attempts + 1;
	if ( ! is_wp_error( $found ) ) {
		return array(
			'state'    => 'told',
			'attempts' => $attempts,
			'error'    => '',
		);
	}
	$data   = (array) $found->get_error_data();
	$status = $data['status'] ?? 0;
	// A body that Igny8 does not take today it does not take tomorrow; a key can be renewed.
	$is_lost = in_array( $status, array( 400, 404, 409, 413, 422 ), true ) || $attempts >= MAX_ATTEMPTS;
	$wait    = max( min( 60 * 2 ** ( $attempts - 1 ), 8 * HOUR_IN_SECONDS ), min( $data['retry_after'] ?? 0, DAY_IN_SECONDS ) );
	return array(
		'state'    => $is_lost ? 'failed' : 'waiting',
		'attempts' => $attempts,
		'next_at'  => time() + $wait,
		'error'    => mb_substr( $found->get_error_message(), 0, 300 ),
	);
}

/** Forgets all events: they are another connection's. */
function queue_empty() {
	global $wpdb;
	$table = queue_table();
	$wpdb->query( "DELETE FROM $table" ); // phpcs:ignore
	update_option( DUE, 0, true );
}

/** Everything that waits is due now. */
function queue_hurry() {
	global $wpdb;
	$table = queue_table();
	$wpdb->query( "UPDATE $table SET next_at = 0 WHERE state = 'waiting'" ); // phpcs:ignore
	update_option( DUE, 1, true );
}

function queue_counts() {
	global $wpdb;
	$table  = queue_table();
	$counts = $wpdb->get_results( "SELECT state, COUNT(*) AS n FROM $table GROUP BY state", OBJECT_K ); // phpcs:ignore
	return array(
		'waiting' => (int) ( $counts['waiting']->n ?? 0 ),
		'failed'  => (int) ( $counts['failed']->n ?? 0 ),
	);
}

/** The newest events. */
function queue_newest( $limit = 20 ) {
	global $wpdb;
	$table = queue_table();
	return $wpdb->get_results( $wpdb->prepare( "SELECT * FROM $table ORDER BY id DESC LIMIT %d", $limit ) ); // phpcs:ignore
}
