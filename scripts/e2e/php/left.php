<?php
// Plugin Name: Left behind
// Description: tells what our plugin has in the database.
add_action('rest_api_init', fn () => register_rest_route('e2e/v1', '/left', [
    'methods' => 'GET',
    'permission_callback' => fn () => current_user_can('manage_options'),
    'callback' => function () {
        global $wpdb;
        return [
            'options' => $wpdb->get_col("SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE '%igny8%'"),
            'tables' => $wpdb->get_col("SHOW TABLES LIKE '%igny8%'"),
            'meta' => (int) $wpdb->get_var("SELECT COUNT(*) FROM {$wpdb->postmeta} WHERE meta_key = 'igny8_content_key'"),
            'cron' => (int) (wp_next_scheduled('igny8_bridge_deliver') > 0),
        ];
    },
]));
