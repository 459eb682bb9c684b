<?php
// SPDX-License-Identifier: GPL-2.0-or-later
// Leaves nothing behind but the SEO fields, which belong to the SEO plug-ins.

defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

global $wpdb;
wp_clear_scheduled_hook( 'igny8_bridge_deliver' );
delete_option( 'igny8_bridge' );
delete_option( 'igny8_bridge_due' );
delete_option( 'igny8_bridge_version' );
delete_post_meta_by_key( 'igny8_content_key' );
$wpdb->query( "DROP TABLE IF EXISTS {$wpdb->prefix}igny8_bridge_events, {$wpdb->prefix}igny8_bridge_nonces" ); // phpcs:ignore
