<?php
// What a web server's rewrite rules do: files as they are, all else to index.php, so that permalinks are pretty.
$root = $_SERVER['DOCUMENT_ROOT'];
$path = rawurldecode((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
if (str_contains($path, '..') || str_contains($path, "\0")) {
    http_response_code(400);
    return true;
}
if (is_file(rtrim($root . $path, '/') . '/index.php')) {
    $path = rtrim($path, '/') . '/index.php';
}
if (is_file($root . $path) && !str_ends_with($path, '.php')) {
    return false;
}
$script = is_file($root . $path) ? $path : '/index.php';
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $script;
$_SERVER['SCRIPT_FILENAME'] = $root . $script;
chdir(dirname($root . $script));
require $root . $script;
