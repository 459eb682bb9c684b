<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// All in One SEO, since its version 4, reads a table of its own and keeps in the meta keys of old but a copy. Where its
// model is there, the REST API's fields of these names are the table's; else they are the meta keys.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

const AIOSEO_MODEL = '\AIOSEO\Plugin\Common\Models\Post';
const AIOSEO_KEYS  = array( '_aioseo_title', '_aioseo_description', '_aioseo_keywords' );

add_action( 'rest_api_init', __NAMESPACE__ . '\aioseo_join', 6 );
// Its own editor saves past WordPress's meta.
add_action( 'aioseo_insert_post', __NAMESPACE__ . '\aioseo_saved' );

function aioseo_join() {
	foreach ( aioseo_is_here() ? post_types() : array() as $type ) {
		add_action( "rest_after_insert_$type", __NAMESPACE__ . '\aioseo_write', 10, 2 );
		add_filter( "rest_prepare_$type", __NAMESPACE__ . '\aioseo_show', 10, 2 );
	}
}

function aioseo_is_here() {
	return class_exists( AIOSEO_MODEL ) && method_exists( AIOSEO_MODEL, 'getPost' ) && method_exists( AIOSEO_MODEL, 'save' );
}

function aioseo_saved( $post_id ) {
	changed( (int) $post_id, 'metadata', array( 'meta' => true ) );
}

/** Writes those of the fields that a request has changed, as they were stored, and leaves all others as they are. */
function aioseo_write( $post, \WP_REST_Request $request ) {
	$given = array_intersect( AIOSEO_KEYS, array_keys( is_array( $request['meta'] ) ? $request['meta'] : array() ) );
	if ( ! $given ) {
		return;
	}
	try {
		$row          = ( AIOSEO_MODEL )::getPost( $post->ID );
		$row->post_id = $post->ID;
		foreach ( $given as $key ) {
			$value = (string) get_post_meta( $post->ID, $key, true );
			if ( '_aioseo_title' === $key ) {
				$row->title = $value;
			} elseif ( '_aioseo_description' === $key ) {
				$row->description = $value;
			} else {
				aioseo_keyphrase( $row, $value );
			}
		}
		$row->save();
	} catch ( \Throwable $error ) {
		// What the table has is read back, and tells that it was not taken.
		error_log( 'Igny8 Bridge: All in One SEO did not take its fields: ' . $error->getMessage() ); // phpcs:ignore
	}
}

/** Of the keyphrases all but the focus stay. */
function aioseo_keyphrase( $row, $value ) {
	$all = isset( $row->keyphrases ) ? $row->keyphrases : null;
	$all = json_decode( is_string( $all ) ? $all : (string) wp_json_encode( $all ), true );
	$all = is_array( $all ) ? $all : array();
	if ( (string) ( $all['focus']['keyphrase'] ?? '' ) !== $value ) {
		$all['focus'] = array(
			'keyphrase' => $value,
			'score'     => 0,
			'analysis'  => (object) array(),
		);
	}
	$row->keyphrases = wp_json_encode( $all + array( 'additional' => array() ) );
	if ( isset( $row->focus_keyword ) || property_exists( $row, 'focus_keyword' ) ) { // since its version 5
		$row->focus_keyword = $value;
	}
}

/** What the table says of a post, by meta key; null where it has no row, or its model fails. */
function aioseo_values( $post_id ) {
	try {
		$row = aioseo_is_here() ? ( AIOSEO_MODEL )::getPost( $post_id ) : null;
		if ( ! $row || ( method_exists( $row, 'exists' ) && ! $row->exists() ) ) {
			return null;
		}
		$all   = isset( $row->keyphrases ) ? $row->keyphrases : null;
		$all   = json_decode( is_string( $all ) ? $all : (string) wp_json_encode( $all ), true );
		$focus = isset( $row->focus_keyword ) ? $row->focus_keyword : null;
		return array(
			'_aioseo_title'       => (string) ( $row->title ?? '' ),
			'_aioseo_description' => (string) ( $row->description ?? '' ),
			'_aioseo_keywords'    => is_string( $focus ) && '' !== $focus ? $focus : (string) ( $all['focus']['keyphrase'] ?? '' ),
		);
	} catch ( \Throwable $error ) {
		return null;
	}
}

function aioseo_show( $response, $post ) {
	$data = $response->get_data();
	if ( isset( $data['meta'] ) && is_array( $data['meta'] ) ) {
		$values       = aioseo_values( $post->ID );
		$data['meta'] = array_merge( $data['meta'], array_intersect_key( $values ? $values : array(), $data['meta'] ) );
		$response->set_data( $data );
	}
	return $response;
}
