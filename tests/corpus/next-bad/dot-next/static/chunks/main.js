const key = "{{KEY}}";
