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
	$path  = 'integration/webhook/wordpress/';
	$found = product_ask(
		'POST',
		$path,
		$row->body,
		array(
			'X-Igny8-Timestamp' => $time,
			'X-Igny8-Nonce'     => $row->event_id, // Igny8 takes an event once, whoever repeats it.
			'X-Igny8-Signature' => signature( $kept['secret'], 'igny8-event', $time, $row->event_id, 'POST', host_of( $kept['base'] ), "/api/v1/$path", $row->body ),
		),
		$timeout
	);
	$attempts = (int) $row->attempts + 1;
	if ( ! is_wp_error( $found ) && ( $found['event_id'] ?? '' ) === $row->event_id ) {
		return array(
			'state'    => 'told',
			'attempts' => $attempts,
			'error'    => '',
		);
	}
	$error = is_wp_error( $found ) ? $found : new \WP_Error( 'igny8_refused', "What answered at {$kept['base']} did not say that it has the event." );
	$data  = (array) $error->get_error_data();
	// A body that Igny8 does not take today it does not take tomorrow. A key can be renewed, a firewall opened.
	$is_refused = ! empty( $data['is_ours'] ) && in_array( $data['status'], array( 400, 404, 409, 413, 422 ), true );
	$wait       = max( min( 60 * 2 ** ( $attempts - 1 ), 8 * HOUR_IN_SECONDS ), min( $data['retry_after'] ?? 0, DAY_IN_SECONDS ) );
	return array(
		'state'    => $is_refused ? 'refused' : ( $attempts >= MAX_ATTEMPTS ? 'failed' : 'waiting' ),
		'attempts' => $attempts,
		'next_at'  => time() + $wait,
		'error'    => mb_substr( $error->get_error_message(), 0, 300 ),
	);
}

/** Forgets all events: they are another connection's. */
function queue_empty() {
	global $wpdb;
	$table = queue_table();
	$wpdb->query( "DELETE FROM $table" ); // phpcs:ignore
	update_option( DUE, 0, true );
}

/** Everything that waits, or was given up, is due now. What Igny8 has refused it would refuse again. */
function queue_hurry() {
	global $wpdb;
	$table = queue_table();
	$wpdb->query( "UPDATE $table SET next_at = 0, attempts = 0, state = 'waiting' WHERE state IN ('waiting', 'failed')" ); // phpcs:ignore
	update_option( DUE, 1, true );
}

function queue_counts() {
	global $wpdb;
	$table  = queue_table();
	$counts = $wpdb->get_results( "SELECT state, COUNT(*) AS n FROM $table GROUP BY state", OBJECT_K ); // phpcs:ignore
	return array(
		'waiting' => (int) ( $counts['waiting']->n ?? 0 ),
		'failed'  => (int) ( $counts['failed']->n ?? 0 ) + (int) ( $counts['refused']->n ?? 0 ),
	);
}

/** A sentence for people while Igny8 has not taken events for an hour, or will never take some; else empty. */
function queue_trouble() {
	global $wpdb;
	$table = queue_table();
	// phpcs:disable
	$found = $wpdb->get_row( $wpdb->prepare(
		"SELECT SUM(state = 'waiting') AS waiting, SUM(state <> 'waiting') AS lost, MAX(id) AS newest FROM $table
		WHERE (state = 'waiting' AND attempts > 0 AND created_at < %d) OR state IN ('failed', 'refused')", time() - HOUR_IN_SECONDS
	) );
	$why = $found && $found->newest ? $wpdb->get_var( $wpdb->prepare( "SELECT error FROM $table WHERE id = %d", $found->newest ) ) : '';
	// phpcs:enable
	if ( ! $found || ! $found->newest ) {
		return '';
	}
	return sprintf( 'Igny8 has not taken what happened here: %d events wait, %d were given up or refused. %s', $found->waiting, $found->lost, $why );
}

/** The newest events. */
function queue_newest( $limit = 20 ) {
	global $wpdb;
	$table = queue_table();
	return $wpdb->get_results( $wpdb->prepare( "SELECT * FROM $table ORDER BY id DESC LIMIT %d", $limit ) ); // phpcs:ignore
}
