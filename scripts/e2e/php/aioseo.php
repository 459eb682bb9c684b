<?php
// Plugin Name: A stand-in for All in One SEO
// Description: its model as others use it (getPost, exists, save), over a table of the same name and columns.
namespace AIOSEO\Plugin\Common\Models {
    if (get_option('e2e_aioseo')) {
        #[\AllowDynamicProperties]
        class Post
        {
            public $id;
            public $post_id;
            public $title;
            public $description;
            public $keyphrases;

            public static function getPost($postId)
            {
                global $wpdb;
                $post = new self();
                $row = $wpdb->get_row($wpdb->prepare("SELECT * FROM {$wpdb->prefix}aioseo_posts WHERE post_id = %d", $postId), ARRAY_A);
                foreach ($row ?: ['post_id' => $postId] as $name => $value) {
                    // Its JSON columns come decoded.
                    $post->$name = $name === 'keyphrases' && $value ? json_decode($value) : $value;
                }
                return $post;
            }

            public function exists()
            {
                return !empty($this->id);
            }

            public function save()
            {
                global $wpdb;
                $row = ['post_id' => $this->post_id, 'title' => $this->title, 'description' => $this->description];
                $row['keyphrases'] = is_string($this->keyphrases) || $this->keyphrases === null ? $this->keyphrases : wp_json_encode($this->keyphrases);
                $this->id ? $wpdb->update("{$wpdb->prefix}aioseo_posts", $row, ['id' => $this->id]) : $wpdb->insert("{$wpdb->prefix}aioseo_posts", $row);
            }
        }
    }
}

namespace {
    add_action('init', function () {
        register_setting('e2e', 'e2e_aioseo', ['type' => 'boolean', 'default' => false, 'show_in_rest' => true]);
        add_action('update_option_e2e_aioseo', 'e2e_aioseo_table', 10, 2);
        add_action('add_option_e2e_aioseo', 'e2e_aioseo_table', 10, 2);
    });

    function e2e_aioseo_table($old, $wanted)
    {
        global $wpdb;
        $wpdb->query("DROP TABLE IF EXISTS {$wpdb->prefix}aioseo_posts");
        if ($wanted) {
            $wpdb->query("CREATE TABLE {$wpdb->prefix}aioseo_posts (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
                post_id bigint unsigned NOT NULL UNIQUE, title text, description text, keyphrases longtext)");
        }
    }

    add_action('rest_api_init', fn () => register_rest_route('e2e/v1', '/aioseo/(?P<id>\d+)', [
        'methods' => 'POST',
        'permission_callback' => fn () => current_user_can('manage_options'),
        'callback' => function (WP_REST_Request $request) {
            if (!class_exists('AIOSEO\Plugin\Common\Models\Post')) {
                return ['row' => null];
            }
            $post = AIOSEO\Plugin\Common\Models\Post::getPost((int) $request['id']);
            if ($fields = $request->get_json_params()) {
                foreach ($fields as $name => $value) {
                    $post->$name = $value;
                }
                $post->save();
                do_action('aioseo_insert_post', (int) $request['id']);
            }
            $post = AIOSEO\Plugin\Common\Models\Post::getPost((int) $request['id']);
            return ['row' => $post->exists() ? get_object_vars($post) : null];
        },
    ]));
}
