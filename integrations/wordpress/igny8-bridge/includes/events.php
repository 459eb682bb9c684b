<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// What happens to posts here: one event a post and request, written when the request ends.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

add_action( 'transition_post_status', __NAMESPACE__ . '\on_status', 10, 3 );
add_action( 'post_updated', __NAMESPACE__ . '\on_update', 10, 3 );
add_action( 'before_delete_post', __NAMESPACE__ . '\on_delete', 10, 2 );
foreach ( array( 'added_post_meta', 'updated_post_meta', 'deleted_post_meta' ) as $hook ) {
	add_action( $hook, __NAMESPACE__ . '\on_meta', 10, 3 );
}
add_action( 'shutdown', __NAMESPACE__ . '\events_write', 10 );

/** @var array<int, array> What is to be told, by post. */
$GLOBALS['igny8_bridge_changes'] = array();

/** Notes that something of a post has changed; the gravest names the event. */
function changed( $post, $what, array $more = array() ) {
	$post = get_post( $post );
	if ( ! $post || ! in_array( $post->post_type, post_types(), true ) || wp_is_post_revision( $post ) ) {
		return;
	}
	// What Igny8 itself does it knows.
	if ( is_ours() || '' === options()['secret'] || in_array( $post->post_status, array( 'auto-draft', 'inherit' ), true ) ) {
		return;
	}
	$changes = &$GLOBALS['igny8_bridge_changes'][ $post->ID ];
	$changes = $more + ( $changes ? $changes : array() );
	if ( ! isset( $changes['what'] ) || array_search( $what, ORDER, true ) < array_search( $changes['what'], ORDER, true ) ) {
		$changes['what'] = $what;
	}
}

const ORDER = array( 'status', 'url', 'metadata' );

function on_status( $new, $old, $post ) {
	if ( $new !== $old ) {
		changed( $post, 'status' );
	}
}

function on_update( $post_id, $after, $before ) {
	if ( $after->post_name !== $before->post_name || $after->post_parent !== $before->post_parent ) {
		changed( $after, 'url' );
	}
}

function on_delete( $post_id, $post = null ) {
	changed(
		$post ? $post : $post_id,
		'status',
		array(
			'status' => 'deleted',
			'key'    => (string) get_post_meta( $post_id, CONTENT_KEY, true ),
			'url'    => (string) get_permalink( $post_id ),
		)
	);
}

function on_meta( $meta_ids, $post_id, $key ) {
	if ( in_array( $key, SEO_KEYS, true ) ) {
		changed( $post_id, 'metadata', array( 'meta' => true ) );
	}
}

/** Puts what has changed into the queue, as it stands at the end of the request. */
function events_write() {
	$all                             = $GLOBALS['igny8_bridge_changes'];
	$GLOBALS['igny8_bridge_changes'] = array();
	foreach ( $all as $post_id => $changes ) {
		$is_gone = isset( $changes['status'] );
		$key     = $is_gone ? $changes['key'] : (string) get_post_meta( $post_id, CONTENT_KEY, true );
		$body    = array(
			'event'       => "post.{$changes['what']}",
			'occurred_at' => gmdate( 'Y-m-d\TH:i:s\Z' ),
			'post_id'     => $post_id,
			'status'      => $is_gone ? $changes['status'] : get_post_status( $post_id ),
			'url'         => $is_gone ? $changes['url'] : (string) get_permalink( $post_id ),
		);
		if ( '' !== $key ) {
			$body['content_key'] = $key;
		}
		if ( ! empty( $changes['meta'] ) && ! $is_gone ) {
			$body['meta'] = (object) seo_meta( $post_id );
		}
		queue_add( $body['event'], $post_id, $body );
	}
}
