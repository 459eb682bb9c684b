"""The crawling worker. It needs the API's address, its token and the broker, no database and no settings: it runs
anywhere, as `python -m apps.parsing.crawler`, or as `manage.py parsing_worker`.
"""
