<?php
// SPDX-License-Identifier: GPL-2.0-or-later
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

add_action( 'rest_api_init', __NAMESPACE__ . '\register_routes' );

function register_routes() {
	$may = static function () {
		return current_user_can( 'edit_posts' );
	};
	register_rest_route(
		'igny8/v1',
		'/posts',
		array(
			'methods'             => 'GET',
			'callback'            => __NAMESPACE__ . '\posts_of_key',
			'permission_callback' => $may,
			'args'                => array(
				'content_key' => array(
					'required' => true,
					'type'     => 'string',
					'pattern'  => '^[0-9a-f]{32}$',
				),
			),
		)
	);
	register_rest_route(
		'igny8/v1',
		'/status',
		array(
			'methods'             => 'GET',
			'callback'            => __NAMESPACE__ . '\status',
			'permission_callback' => $may,
		)
	);
}

/** The posts of an article in any state, the trash included: by its key, or by the slug that it is made under. */
function posts_of_key( \WP_REST_Request $request ) {
	global $wpdb;
	$key   = $request['content_key'];
	$slugs = array( "igny8-$key" );
	for ( $n = 2; $n < 6; $n++ ) {
		$slugs[] = "igny8-$key-$n";
	}
	$marks = implode( ',', array_fill( 0, count( $slugs ), '%s' ) );
	$ids   = $wpdb->get_col(
		$wpdb->prepare(
			"SELECT post_id FROM {$wpdb->postmeta} WHERE meta_key = %s AND meta_value = %s
			UNION SELECT ID FROM {$wpdb->posts} WHERE post_name IN ($marks)", // phpcs:ignore
			array_merge( array( CONTENT_KEY, $key ), $slugs )
		)
	);
	$found = array();
	sort( $ids, SORT_NUMERIC );
	foreach ( $ids as $id ) {
		$post = get_post( (int) $id );
		$type = $post ? get_post_type_object( $post->post_type ) : null;
		if ( ! $type || 'revision' === $post->post_type || ! current_user_can( 'edit_post', $post->ID ) ) {
			continue;
		}
		$found[] = array(
			'id'        => $post->ID,
			'type'      => $post->post_type,
			'rest_base' => $type->rest_base ? $type->rest_base : $type->name,
			'status'    => $post->post_status,
			'slug'      => $post->post_name,
			'link'      => get_permalink( $post ),
		);
	}
	return $found;
}

/** How the plugin stands, for the diagnosis of a connection. */
function status() {
	$counts = queue_counts();
	return array(
		'version' => VERSION,
		'time'    => time(),
		'php'     => PHP_VERSION,
		'waiting' => $counts['waiting'],
		'failed'  => $counts['failed'],
		'seo'     => seo_plugins(),
	);
}

/** Which of the SEO plug-ins are active. */
function seo_plugins() {
	return array_keys(
		array_filter(
			array(
				'yoast'     => defined( 'WPSEO_VERSION' ),
				'rank_math' => defined( 'RANK_MATH_VERSION' ),
				'aioseo'    => defined( 'AIOSEO_VERSION' ) || defined( 'AIOSEO_PLUGIN_DIR' ),
			)
		)
	);
}
