-- events_users.sql: bronze.users, loaded whole.
INSERT OVERWRITE bronze.users
SELECT user_id, region, plan, signup_date, parse_filename(filename)
FROM read_csv('{{landing}}/users.csv', header = true, delim = ',', filename = true,
    columns = {'user_id': 'VARCHAR', 'region': 'VARCHAR', 'plan': 'VARCHAR', 'signup_date': 'DATE'});
