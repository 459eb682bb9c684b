<?php
/**
 * Plugin Name: Igny8 Bridge
 * Description: Connects this site to Igny8 with an ApiKey: articles find their post again whatever happens, the SEO fields of Yoast, Rank Math, All in One SEO and SEOPress can be written for every post type, and changes made here are told to Igny8.
 * Version: 1.2.0
 * Requires at least: 5.6
 * Requires PHP: 7.4
 * Author: Igny8
 * License: GPL-2.0-or-later
 * License URI: https://www.gnu.org/licenses/gpl-2.0.html
 * Text Domain: igny8-bridge
 *
 * Igny8 Bridge is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
 * License as published by the Free Software Foundation, either version 2 of the License, or any later version.
 * It is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied warranty of
 * MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU General Public License for more details.
 */

namespace Igny8\Bridge;

defined( 'ABSPATH' ) || exit;

const VERSION     = '1.2.0';
const OPTION      = 'igny8_bridge';
const DUE         = 'igny8_bridge_due';
const INSTALLED   = 'igny8_bridge_version';
const CONTENT_KEY = 'igny8_content_key';

require __DIR__ . '/includes/options.php';
require __DIR__ . '/includes/auth.php';
require __DIR__ . '/includes/meta.php';
require __DIR__ . '/includes/aioseo.php';
require __DIR__ . '/includes/routes.php';
require __DIR__ . '/includes/product.php';
require __DIR__ . '/includes/queue.php';
require __DIR__ . '/includes/events.php';
if ( is_admin() ) {
	require __DIR__ . '/includes/settings.php';
}

register_activation_hook( __FILE__, __NAMESPACE__ . '\activate' );
register_deactivation_hook( __FILE__, __NAMESPACE__ . '\deactivate' );
// WordPress activates nothing anew that it updates.
add_action( 'plugins_loaded', __NAMESPACE__ . '\updated', 1 );

function updated() {
	if ( VERSION !== get_option( INSTALLED ) ) {
		activate();
	}
}

/** Makes the tables and the clock. */
function activate() {
	queue_create();
	nonce_create();
	update_option( INSTALLED, VERSION, true );
	if ( ! wp_next_scheduled( 'igny8_bridge_deliver' ) ) {
		wp_schedule_event( time() + 300, 'igny8_five_minutes', 'igny8_bridge_deliver' );
	}
}

/** What is queued stays for the next activation. */
function deactivate() {
	wp_clear_scheduled_hook( 'igny8_bridge_deliver' );
}
