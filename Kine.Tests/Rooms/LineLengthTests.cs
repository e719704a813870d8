using System.Globalization;

namespace Kine.Tests.Rooms;

/// <summary>No line is longer than .editorconfig says, but for one that holds a text: those are found whole more easily.</summary>
public class LineLengthTests
{
    private const string Setting = "max_line_length = ";

    [Fact]
    public void Lines_keep_the_length_that_editorconfig_sets()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "Kine.sln")))
            root = root.Parent!;

        var setting = File.ReadLines(Path.Combine(root.FullName, ".editorconfig")).Single(line => line.StartsWith(Setting, StringComparison.Ordinal));
        var most = int.Parse(setting[Setting.Length..], CultureInfo.InvariantCulture);
        var files = root.GetDirectories("Kine.*").SelectMany(Sources).ToList();
        Assert.InRange(files.Count, 400, 10_000);
        var longer = files.SelectMany(file => File.ReadLines(file.FullName).Select((line, i) => (Text: line, Place: $"{file.FullName}:{i + 1}")))
            .Where(line => line.Text.Length > most && !line.Text.Contains('"'))
            .Select(line => line.Place);
        Assert.Empty(longer);
    }

    // What is generated is nobody's hand.
    private static IEnumerable<FileInfo> Sources(DirectoryInfo folder) =>
        folder.GetDirectories().Where(static inner => inner.Name is not ("bin" or "obj")).SelectMany(Sources).Concat(folder.GetFiles("*.cs"));
}
