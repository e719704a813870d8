namespace Kine.Tests.Figures;

/// <summary>A database server to run kine on.</summary>
/// <param name="Name">What the figures call it.</param>
/// <param name="Template">An endpoint in which <c>{}</c> stands for the name of a database, or a bucket, that does not exist yet.</param>
internal sealed record StoreUnderTest(string Name, string Template)
{
    private const string Database = "{}";

    /// <summary>From <c>name=endpoint</c>; null when it is something else.</summary>
    public static StoreUnderTest? Parse(string text) =>
        text.Split('=', 2) is [{ Length: > 0 } name, var template] && template.Contains(Database, StringComparison.Ordinal)
            ? new StoreUnderTest(name, template)
            : null;

    /// <summary>The endpoint of a database that nobody has used.</summary>
    public string NewEndpoint() => Template.Replace(Database, $"kine_{Guid.NewGuid():N}"[..20], StringComparison.Ordinal);
}
