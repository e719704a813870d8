using System.Text.RegularExpressions;
using Kine.Host.Bench;
using Kine.Tests.Servers;

namespace Kine.Tests.Figures;

/// <summary>How much code there is to keep up, what is left of the parts that libraries replaced, and what native code the program brings.</summary>
internal static partial class CodeFigures
{
    private const int LinesBefore = 38_143; // at commit d327bb2
    private const int LinesFewer = 6_000;
    private const int Shown = 5;
    private static readonly TimeSpan PublishLimit = TimeSpan.FromMinutes(10);

    /// <summary>In the repository that is the current folder.</summary>
    public static async Task Run(FigureSheet sheet)
    {
        var folder = Environment.CurrentDirectory;
        var production = await Tracked(folder, "Kine.Backends/*.cs", "Kine.Grains/*.cs", "Kine.Host/*.cs");
        var lines = production.Sum(file => File.ReadLines(file).Count());
        sheet.Add(new Figure("lines of production code", lines, LinesBefore - LinesFewer, "lines", Note: $"{LinesBefore - lines:N0} fewer than {LinesBefore:N0}"));

        string[] replaced = [.. (await Tracked(folder, "*.cs", "*.csproj", "*.props", "*.proto")).Where(file => File.ReadLines(file).Any(line => Replaced().IsMatch(line)))];
        sheet.Add(new Figure("source files with a word of what was replaced", replaced.Length, 0, "files", Note: List(replaced.Select(Path.GetFileName))));

        using var output = new TempFolder();
        await Output("dotnet", folder, "publish", "Kine.Host", "-c", "Release", "-o", output.FullName, "--nologo", "-v", "q");
        string[] native = [.. Directory.EnumerateFiles(output.FullName, "*", SearchOption.AllDirectories).Where(IsNative).Select(Path.GetFileNameWithoutExtension).Distinct()!];
        var other = native.Count(name => name is not ("libe_sqlite3" or "e_sqlite3"));
        sheet.Add(new Figure("native libraries beside SQLite's in the published program", other, 0, "files", Note: List(native)));
    }

    private static async Task<string[]> Tracked(string folder, params string[] patterns) =>
        [.. (await Output("git", folder, ["ls-files", "--", .. patterns])).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(file => Path.Combine(folder, file))];

    private static async Task<string> Output(string program, string folder, params string[] arguments)
    {
        var run = await Command.Run(program, arguments, within: PublishLimit, folder: folder);
        return run.ExitCode == 0
            ? run.Output
            : throw new BenchException($"{program} {string.Join(' ', arguments)} ended with code {run.ExitCode}:\n{run.Output}{run.Errors}");
    }

    private static bool IsNative(string file) =>
        Path.GetFileName(Path.GetDirectoryName(file)) == "native" || Path.GetExtension(file) is ".so" or ".dylib";

    private static string List(IEnumerable<string?> names) => string.Join(", ", names.Take(Shown));

    // In two parts each, so that this file has none of them.
    [GeneratedRegex("embed" + "ded|hp" + "ack|libmaria" + "db|libna" + "ts", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Replaced();
}
