<?php
// Plugin Name: Loopback
// Description: what the site needs to be tested: application passwords over plain http, no mail, and a list of
// post meta keys that the REST API may write. The list is the setting `e2e_meta_keys`, separated by commas.
add_filter('wp_is_application_passwords_available', '__return_true');
add_filter('pre_wp_mail', '__return_true');
add_action('init', function () {
    register_setting('e2e', 'e2e_meta_keys', ['type' => 'string', 'default' => '', 'show_in_rest' => true]);
    foreach (array_filter(array_map('trim', explode(',', (string) get_option('e2e_meta_keys', '')))) as $key) {
        foreach (['post', 'page', 'attachment'] as $type) {
            register_post_meta($type, $key, [
                'show_in_rest' => true,
                'single' => true,
                'type' => 'string',
                'auth_callback' => fn () => current_user_can('edit_posts'),
            ]);
        }
    }
});
