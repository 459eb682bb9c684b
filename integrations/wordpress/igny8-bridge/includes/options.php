<?php
// SPDX-License-Identifier: GPL-2.0-or-later
namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

/**
 * What is kept: base (the product's address), api_key, secret, integration_id, user_id, state {ok, message, at}.
 *
 * @return array
 */
function options() {
	$kept = get_option( OPTION, array() );
	return ( is_array( $kept ) ? $kept : array() ) + array(
		'base'           => '',
		'api_key'        => '',
		'secret'         => '',
		'integration_id' => 0,
		'user_id'        => 0,
		'state'          => array(),
	);
}

/** Changes some of them. Not loaded with every page: they hold secrets. */
function options_save( array $changed ) {
	update_option( OPTION, $changed + options(), false );
}

/** The post types that articles can be. */
function post_types() {
	$types = get_post_types( array( 'show_in_rest' => true ), 'objects' );
	return array_keys(
		array_filter(
			$types,
			static function ( $type ) {
				return 'attachment' !== $type->name && ( $type->public || ! $type->_builtin );
			}
		)
	);
}
