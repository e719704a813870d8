using System.Globalization;

namespace Kine.Tests.Chaos;

/// <summary>The values of accounts: an amount, and who wrote it, as each value is written once only.</summary>
internal static class Balance
{
    public const int Accounts = 5;
    private const int Each = 100;

    /// <summary>What all accounts hold together at any time.</summary>
    public const int Sum = Accounts * Each;

    public static string Text(int amount, string author) => $"{amount} {author}";

    public static int Of(string value) => int.Parse(value.AsSpan(0, value.IndexOf(' ')), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    /// <summary>The accounts as they are opened, in one transaction, once.</summary>
    public static Step Opened(string author) => new()
    {
        Guards = [new Guard($"{Keys.Accounts}0", 0, null)],
        Writes = [.. Enumerable.Range(0, Accounts).Select(i => new Write($"{Keys.Accounts}{i}", Text(Each, author)))],
    };
}
