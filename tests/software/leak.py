"""What every program here forgets to let go of, one for each request."""


class Visit:
    def __init__(self, number):
        self.number = number


LEAK = []


def visit(number):
    LEAK.append(Visit(number))
    return f"hello {number}"
