"""Result files of benchmark tools, one module a tool, told apart by what they hold."""
