<?php
// Plugin Name: Left behind
// Description: tells what our plugin has in the database.
add_action('rest_api_init', fn () => register_rest_route('e2e/v1', '/left', [
    'methods' => 'GET',
    'permission_callback' => fn () => current_user_can('manage_options'),
    'callback' => function (WP_REST_Request $request) {
        global $wpdb;
        $events = "{$wpdb->prefix}igny8_bridge_events";
        if ($request['forget']) {
            $wpdb->query("DROP TABLE {$wpdb->prefix}igny8_bridge_nonces");
            delete_option('igny8_bridge_version');
        }
        $waits = [];
        for ($n = 0; $request['try_all'] && $n < 30; $n++) {
            $before = (int) $wpdb->get_var("SELECT MAX(attempts) FROM $events WHERE state = 'waiting'");
            $wpdb->query("UPDATE $events SET next_at = 0 WHERE state = 'waiting'");
            do_action('igny8_bridge_deliver', '');
            if ($row = $wpdb->get_row("SELECT * FROM $events WHERE state = 'waiting'")) {
                $waits[] = $row->next_at - time();
            }
        }
        $rows = $request['try_all'] ? $wpdb->get_results("SELECT state, attempts, error FROM $events ORDER BY id") : [];
        return [
            'options' => $wpdb->get_col("SELECT option_name FROM {$wpdb->options} WHERE option_name LIKE '%igny8%'"),
            'tables' => $wpdb->get_col("SHOW TABLES LIKE '%igny8%'"),
            'meta' => (int) $wpdb->get_var("SELECT COUNT(*) FROM {$wpdb->postmeta} WHERE meta_key = 'igny8_content_key'"),
            'cron' => (int) (wp_next_scheduled('igny8_bridge_deliver') > 0),
        ] + ($rows ? ['events' => array_map(fn ($row) => (array) $row + ['waits' => $waits], $rows)] : []);
    },
]));
