<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// The REST API drops meta keys in silence that nobody has registered, and those of a type without custom fields.
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

const SEO_KEYS = array(
	'_yoast_wpseo_title',
	'_yoast_wpseo_metadesc',
	'_yoast_wpseo_focuskw',
	'rank_math_title',
	'rank_math_description',
	'rank_math_focus_keyword',
	'_aioseo_title',
	'_aioseo_description',
	'_aioseo_keywords',
	'_seopress_titles_title',
	'_seopress_titles_desc',
	'_seopress_analysis_target_kw',
);

// By now all types and the SEO plug-ins' own keys are known.
add_action( 'rest_api_init', __NAMESPACE__ . '\register_keys', 5 );

function register_keys() {
	foreach ( post_types() as $type ) {
		add_post_type_support( $type, 'custom-fields' );
		$known = get_registered_meta_keys( 'post', $type ) + get_registered_meta_keys( 'post' );
		foreach ( array_merge( array( CONTENT_KEY ), SEO_KEYS ) as $key ) {
			if ( empty( $known[ $key ]['show_in_rest'] ) ) {
				register_post_meta(
					$type,
					$key,
					array(
						'type'              => 'string',
						'single'            => true,
						'show_in_rest'      => true,
						'auth_callback'     => __NAMESPACE__ . '\may_write_key',
						'sanitize_callback' => 'wp_strip_all_tags',
					)
				);
			}
		}
	}
}

function may_write_key( $allowed, $key, $post_id ) {
	return current_user_can( 'edit_post', $post_id );
}

/** The SEO fields of a post that have a value. */
function seo_meta( $post_id ) {
	$values = array();
	$theirs = aioseo_values( $post_id );
	foreach ( SEO_KEYS as $key ) {
		$value = $theirs[ $key ] ?? get_post_meta( $post_id, $key, true );
		if ( is_string( $value ) && '' !== $value ) {
			$values[ $key ] = $value;
		}
	}
	return $values;
}
