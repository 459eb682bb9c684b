<?php
// Reads {site, socket, passwords: {role: password}} and answers {role: {login, password, application_password}}.
$given = json_decode(stream_get_contents(STDIN), true);
$database = new mysqli('localhost', 'root', '', '', 0, $given['socket']);
$database->query('CREATE DATABASE IF NOT EXISTS wordpress CHARACTER SET utf8mb4');
$database->close();
$_SERVER += ['REQUEST_URI' => '/', 'REQUEST_METHOD' => 'GET', 'SERVER_NAME' => '127.0.0.1', 'HTTP_HOST' => '127.0.0.1',
    'SERVER_PROTOCOL' => 'HTTP/1.1'];
define('WP_INSTALLING', true);
require $given['site'] . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
if (!is_blog_installed()) {
    wp_install('Loopback', 'administrator', 'administrator@example.test', true, '', $given['passwords']['administrator']);
}
global $wp_rewrite;
$wp_rewrite->init();
$wp_rewrite->set_permalink_structure('/%postname%/');
$wp_rewrite->flush_rules(false);
update_option('timezone_string', 'UTC');
update_option('blog_public', '0');
$users = [];
foreach ($given['passwords'] as $role => $password) {
    $user = get_user_by('login', $role);
    $id = $user ? $user->ID : wp_insert_user(
        ['user_login' => $role, 'user_pass' => $password, 'user_email' => "$role@example.test", 'role' => $role]
    );
    if (is_wp_error($id)) {
        fwrite(STDERR, $id->get_error_message());
        exit(1);
    }
    WP_Application_Passwords::delete_all_application_passwords($id);
    [$secret] = WP_Application_Passwords::create_new_application_password($id, ['name' => 'tests']);
    $users[$role] = ['login' => $role, 'password' => $password,
        'application_password' => WP_Application_Passwords::chunk_password($secret)];
}
echo json_encode($users);
